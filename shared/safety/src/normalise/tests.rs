use std::collections::{BTreeMap, BTreeSet};

use unicode_security::confusable_detection::skeleton;

use super::*;

fn plain_words(message: &str) -> String {
    readings(message).first().unwrap().join(" ")
}

fn dense_words(message: &str) -> String {
    readings(message).last().unwrap().join(" ")
}

#[test]
fn letter_case_accents_and_apostrophes_are_removed() {
    assert_eq!(fold("Don’t DON'T don´t"), "dont dont dont");
    assert_eq!(fold("Ich möchte größer, Échame NIÑO"), "ich mochte grosser, echame nino");
}

#[test]
fn look_alikes_become_latin_letters() {
    for typed in
        ["ｋｉｌｌ", "𝓴𝓲𝓵𝓵", "ⓚⓘⓛⓛ", "🅺🅸🅻🅻", "кіll", "κιll", "ᴋɪʟʟ", "k\u{301}i\u{336}ll", "🇰🇮🇱🇱", "𝐊𝕀𝙇𝖫", "KIⅬⅬ"]
    {
        assert_eq!(fold(typed), "kill", "{typed}");
    }
    assert_eq!(fold("ѕuісіdе DЕАТН"), "suicide death");
}

/// The list is the part of Unicode's table with the letters that the decomposition does not change,
/// and their lower case.
#[test]
fn the_list_of_look_alikes_equals_that_of_unicode() {
    let decomposed = ('\u{80}'..=char::MAX).filter(|letter| !is_combining_mark(*letter) && letter.nfkd().eq([*letter]));
    let letters: BTreeSet<char> =
        decomposed.flat_map(|letter| [Some(letter), letter.to_lowercase().next()]).flatten().collect();
    let mut look_alikes: BTreeMap<char, String> = BTreeMap::new();
    for letter in letters.into_iter().filter(|letter| !letter.is_ascii()) {
        let seen: Vec<char> = skeleton(letter.encode_utf8(&mut [0; 4])).collect();
        if let [latin] = seen[..]
            && latin.is_ascii_alphabetic()
        {
            look_alikes.entry(latin.to_ascii_lowercase()).or_default().push(letter);
        }
    }
    let expected: String = look_alikes.iter().map(|(latin, letters)| format!("{latin} {letters}\n")).collect();
    assert_eq!(LOOK_ALIKES, expected, "normalise/look_alikes.txt must be:\n{expected}");
}

#[test]
fn invisible_characters_are_removed() {
    assert_eq!(fold("k\u{200B}i\u{AD}l\u{FEFF}l\u{2060}\u{202E}\u{0}\u{E0041}\u{FE0F}"), "kill");
}

#[test]
fn punctuation_separates_words_and_ends_sentences() {
    assert_eq!(plain_words("One, two; three. Four?! 3.5"), "^ one two three $ four $ 3 5 $");
    assert_eq!(plain_words(""), "^");
    assert_eq!(plain_words("...\n"), "^");
}

#[test]
fn signs_within_a_word_become_letters_or_are_removed() {
    assert_eq!(dense_words("k!ll m-y-s-e-l-f, $uicide de@th! s**cide"), "^ k1ll myself suicide death $ s**cide $");
}

#[test]
fn separate_letters_are_joined_to_a_word() {
    assert_eq!(plain_words("k i l l  m y s e l f"), "^ killmyself $");
    assert_eq!(plain_words("I k.i.l.l you"), "^ i kill you $");
    assert_eq!(plain_words("k. i. l. l."), "^ kill $");
    assert_eq!(plain_words("plan b i go"), "^ plan b i go $");
}
