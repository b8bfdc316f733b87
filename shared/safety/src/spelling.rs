//! Which listed words a word of a message may stand for.

use std::collections::{HashMap, HashSet};

use strsim::osa_distance;

use super::normalise::{BLOT, END, START, fold};

/// The longest word that is compared; nothing listed comes near.
const LONGEST: usize = 24;
/// How many letters of words run together are looked at.
const RUN: usize = 400;

/// The number of a listed word.
pub(super) type Word = u32;

/// The words of the lists.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    exact: HashMap<String, Word>,
    /// By what is left of a word when a letter said twice is written once.
    once: HashMap<String, Vec<Word>>,
    /// By what is left of a word without its vowels.
    consonants: HashMap<String, Vec<Word>>,
    by_first: HashMap<char, Vec<Listed>>,
    ordinary: HashSet<String>,
}

#[derive(Debug)]
struct Listed {
    text: String,
    length: usize,
    letters: u32,
    word: Word,
}

impl Vocabulary {
    /// The number of a word, which is listed from now on.
    pub(super) fn add(&mut self, text: &str) -> Word {
        let next = Word::try_from(self.exact.len()).unwrap_or(Word::MAX);
        let word = *self.exact.entry(text.to_owned()).or_insert(next);
        if word == next && text != START && text != END {
            self.once.entry(once(text)).or_default().push(word);
            self.consonants.entry(text.replace(is_vowel, "")).or_default().push(word);
            let listed = Listed { text: text.to_owned(), length: text.chars().count(), letters: letters(text), word };
            self.by_first.entry(text.chars().next().unwrap_or_default()).or_default().push(listed);
        }
        word
    }

    /// How many words there are.
    pub(super) fn len(&self) -> usize {
        self.exact.len()
    }

    /// Takes in everyday words (in lines, `#` before a comment) that are close to a listed one and must not be taken for it.
    pub(super) fn except(&mut self, list: &str) {
        let words = list.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
        self.ordinary.extend(words.map(fold));
    }

    /// The number of a word that is spelt as listed.
    pub(super) fn exact(&self, text: &str) -> Option<Word> {
        self.exact.get(text).copied()
    }

    /// What a word may stand for: itself when it is listed; nothing else when it is an everyday word; otherwise every listed word that it
    /// equals but for repeated letters or for vowels, all of which were left out, and those that it is a misspelling of.
    ///
    /// A misspelling has the same first letter and an optimal string alignment distance (`strsim`) of 1 from five letters on and of 2
    /// from eight on. With four letters only two neighbours may have changed places.
    pub(super) fn find(&self, text: &str) -> Vec<Word> {
        let mut found: Vec<Word> = spellings(text).iter().flat_map(|spelling| self.find_spelling(spelling)).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    fn find_spelling(&self, text: &str) -> Vec<Word> {
        if let Some(word) = self.exact(text) {
            return vec![word];
        }
        let length = text.chars().count();
        if length < 3 || self.ordinary.contains(text) {
            return Vec::new();
        }
        let mut found = Vec::new();
        let text_once = once(text);
        if text_once.chars().nth(2).is_some() {
            found.extend(self.once.get(&text_once).into_iter().flatten());
        }
        // A word that has a vowel is not to be found there.
        found.extend(self.consonants.get(text).into_iter().flatten());
        let listed = text.chars().next().and_then(|first| self.by_first.get(&first)).filter(|_| length <= LONGEST);
        if text.contains(BLOT) {
            found.extend(
                listed.into_iter().flatten().filter(|listed| fits(&listed.text, text)).map(|listed| listed.word),
            );
            return found;
        }
        let own = letters(text);
        let close = listed.into_iter().flatten().filter(|listed| {
            let slips = match length.min(listed.length) {
                ..4 => return false,
                4 => return length == listed.length && own == listed.letters && osa_distance(text, &listed.text) == 1,
                5..8 => 1,
                _ => 2,
            };
            // Each slip takes away or brings in one letter at most, or one of each: cheap to see, and most words end here.
            length.abs_diff(listed.length) <= slips
                && (own ^ listed.letters).count_ones() as usize <= 2 * slips
                && osa_distance(text, &listed.text) <= slips
        });
        found.extend(close.map(|listed| listed.word));
        found
    }

    /// The words that were run together in one, or none if there are letters left over.
    pub(super) fn split(&self, text: &str) -> Vec<String> {
        spellings(text)
            .iter()
            .map(|spelling| self.split_spelling(spelling))
            .find(|words| !words.is_empty())
            .unwrap_or_default()
    }

    fn split_spelling(&self, text: &str) -> Vec<String> {
        let letters: Vec<char> = text.chars().take(RUN).collect();
        // For each length: how many words the letters up to there make at least, and where the last of them begins.
        let mut best: Vec<Option<(usize, usize)>> = vec![None; letters.len() + 1];
        if let Some(first) = best.first_mut() {
            *first = Some((0, 0));
        }
        for end in 1..=letters.len() {
            let starts = (end.saturating_sub(LONGEST)..end).rev();
            let shortest = starts.filter_map(|start| {
                let (count, _) = best.get(start).copied().flatten()?;
                let word: String = letters.get(start..end)?.iter().collect();
                let known = match end - start {
                    1 => word == "i" || word == "a",
                    _ => self.exact.contains_key(&word) || self.ordinary.contains(&word),
                };
                known.then_some((count + 1, start))
            });
            let shortest = shortest.min();
            if let Some(place) = best.get_mut(end) {
                *place = shortest;
            }
        }
        let mut words = Vec::new();
        let mut end = letters.len();
        while let Some((_, start)) = best.get(end).copied().flatten().filter(|_| end > 0) {
            words.extend(letters.get(start..end).map(|word| word.iter().collect()));
            end = start;
        }
        words.reverse();
        words
    }
}

/// A word in which digits stand for letters, in both readings of a 1; any other word as it is.
fn spellings(text: &str) -> Vec<String> {
    let digits = text.contains(|letter: char| letter.is_ascii_digit());
    if !digits || !text.contains(char::is_alphabetic) {
        return vec![text.to_owned()];
    }
    let read = |one: char| -> String {
        let letter = |letter| match letter {
            '0' => 'o',
            '1' => one,
            '3' => 'e',
            '4' => 'a',
            '5' => 's',
            '7' => 't',
            '8' => 'b',
            '9' => 'g',
            other => other,
        };
        text.chars().map(letter).collect()
    };
    if text.contains('1') { vec![read('i'), read('l')] } else { vec![read('i')] }
}

/// A word with each run of one letter written once.
fn once(text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    letters.dedup();
    letters.into_iter().collect()
}

fn is_vowel(letter: char) -> bool {
    matches!(letter, 'a' | 'e' | 'i' | 'o' | 'u' | 'y')
}

/// Which of the letters a to z a word has, as bits.
fn letters(text: &str) -> u32 {
    text.bytes().filter(u8::is_ascii_lowercase).fold(0, |letters, letter| letters | 1 << (letter - b'a'))
}

/// Whether a word with blots, two letters at least of which can be read, may be the one listed.
fn fits(listed: &str, text: &str) -> bool {
    let readable = text.chars().filter(|letter| *letter != BLOT).count();
    let alike = |(one, other): (char, char)| one == other || other == BLOT;
    readable >= 2 && listed.chars().count() == text.chars().count() && listed.chars().zip(text.chars()).all(alike)
}

#[cfg(test)]
mod tests;
