//! A text as the words that are compared: whatever its case, its spelling of letters and its marks.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Letters that look like Latin ones and that Unicode does not decompose to them, each before the one that it looks like.
const LOOK_ALIKES: &[(&str, char)] = &[
    ("аɑα∂", 'a'),
    ("ьβƀ", 'b'),
    ("сςϲ¢", 'c'),
    ("ԁđð", 'd'),
    ("еєε€ə", 'e'),
    ("ƒ", 'f'),
    ("ɡ", 'g'),
    ("һħ", 'h'),
    ("іıιӏ¡|", 'i'),
    ("јʝ", 'j'),
    ("кκќ", 'k'),
    ("łℓ", 'l'),
    ("мμ", 'm'),
    ("пηոŋ", 'n'),
    ("оοσøө", 'o'),
    ("рρþ", 'p'),
    ("ԛ", 'q'),
    ("г", 'r'),
    ("ѕꜱ", 's'),
    ("тτŧ", 't'),
    ("υцս", 'u'),
    ("ѵν", 'v'),
    ("ѡωш", 'w'),
    ("хχ×", 'x'),
    ("уγўү", 'y'),
    ("ʐ", 'z'),
];
/// Digits and signs that stand for letters inside a word.
const STAND_INS: &[(char, char)] = &[
    ('0', 'o'),
    ('1', 'i'),
    ('3', 'e'),
    ('4', 'a'),
    ('5', 's'),
    ('7', 't'),
    ('@', 'a'),
    ('$', 's'),
    ('!', 'i'),
    ('*', 'i'),
];
/// From so many letters in a row on that stand alone, they are a word spelt apart.
const SPELT_APART: usize = 3;

/// The words of a text, each in plain Latin letters, without letters in a row that are the same: `kill` is `kil`, however long it is drawn.
pub(super) fn words(text: &str) -> Vec<String> {
    let plain = text.nfkd().filter(|c| !is_combining_mark(*c) && !is_invisible(*c) && !is_apostrophe(*c));
    let plain: String = plain.flat_map(char::to_lowercase).flat_map(char::to_lowercase).map(look_alike).collect();
    let plain = plain.replace('ß', "ss");
    let parts = plain.split(|c: char| !c.is_alphanumeric() && !STAND_INS.iter().any(|(sign, _)| *sign == c));
    let mut words: Vec<String> = Vec::new();
    let mut letters: Vec<String> = Vec::new();
    for word in parts.map(spelt).filter(|word| !word.is_empty()) {
        if word.chars().count() == 1 {
            letters.push(word);
        } else {
            close(&mut letters, &mut words);
            words.push(word);
        }
    }
    close(&mut letters, &mut words);
    words
}

/// Letters that stood alone become one word if they are many, and otherwise stay words.
fn close(letters: &mut Vec<String>, words: &mut Vec<String>) {
    if letters.len() >= SPELT_APART {
        words.push(without_repeats(&letters.concat()));
        letters.clear();
    }
    words.append(letters);
}

/// A word with letters for the digits and signs in it, and with umlauts that are spelt out as one letter.
fn spelt(word: &str) -> String {
    // At the end of a word these are only marks.
    let word = word.trim_matches(['!', '*']);
    if !word.chars().any(char::is_alphabetic) {
        return word.chars().filter(|c| c.is_alphanumeric()).collect();
    }
    let letter = |c: char| STAND_INS.iter().find(|(sign, _)| *sign == c).map_or(c, |(_, letter)| *letter);
    let word: String = word.chars().map(letter).collect();
    without_repeats(&word.replace("ae", "a").replace("oe", "o").replace("ue", "u"))
}

/// A word without letters in a row that are the same.
pub(super) fn without_repeats(word: &str) -> String {
    let mut previous = None;
    word.chars().filter(|c| previous.replace(*c) != Some(*c)).collect()
}

fn look_alike(c: char) -> char {
    if c.is_ascii() {
        return c;
    }
    LOOK_ALIKES.iter().find(|(odd, _)| odd.contains(c)).map_or(c, |(_, plain)| *plain)
}

/// Zero-width characters, soft hyphens, and marks of direction.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | '‘' | '`' | '´' | 'ʼ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_its_words_however_it_is_written() {
        for (text, expected) in [
            ("I can't GO on…", "i cant go on"),
            ("k i l l", "kil"),
            ("a.b.c", "abc"),
            ("I am 14 and at 7", "i am 14 and at 7"),
            ("c4n't", "cant"),
            ("Straße, grüße, gruesse", "strase gruse gruse"),
            ("ＡＢ ﬁne", "ab fine"),
            ("stop!!!", "stop"),
            ("", ""),
        ] {
            assert_eq!(words(text).join(" "), expected, "{text}");
        }
    }
}
