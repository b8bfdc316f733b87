//! The listed words that a word of a message may stand for.

use std::collections::{HashMap, HashSet};

use strsim::osa_distance;

use super::normalise::{BLOT, END, START, fold};

/// The maximum number of letters of a word that is compared. Every listed word is much shorter.
const LONGEST: usize = 24;
/// The maximum number of letters that are split into words.
const RUN: usize = 400;

/// The number that identifies a listed word.
pub(super) type Word = u32;

/// The words of the lists, indexed for inexact lookups.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    exact: HashMap<String, Word>,
    /// The words by their spelling with each repeated letter written once.
    once: HashMap<String, Vec<Word>>,
    /// The words by their spelling without vowels.
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
    /// Adds a word unless it is listed, and returns its number.
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

    /// Returns the number of listed words.
    pub(super) fn len(&self) -> usize {
        self.exact.len()
    }

    /// Adds everyday words that are similar to a listed word and must not count as misspellings of
    /// it. Lines that begin with `#` are comments.
    pub(super) fn except(&mut self, list: &str) {
        let words = list.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
        self.ordinary.extend(words.map(fold));
    }

    /// Returns the number of the listed word with exactly this spelling.
    pub(super) fn exact(&self, text: &str) -> Option<Word> {
        self.exact.get(text).copied()
    }

    /// Returns the listed words that a word may stand for. A listed word stands only for itself,
    /// and an everyday word for none. Any other word of at least three letters stands for each
    /// listed word
    ///
    /// - that differs only in repeated letters,
    /// - that has the same letters apart from its vowels, if the word has no vowels,
    /// - that fits its masked letters, or
    /// - that it misspells.
    ///
    /// A misspelling has the same first letter. Its optimal string alignment distance (`strsim`) is
    /// at most 1 for words of five to seven letters, and at most 2 for longer words. In a word of
    /// four letters, only two adjacent letters may be swapped.
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
        // A word with a vowel matches no key here.
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
            // Each slip removes or adds at most one letter, or both. These two checks are cheap and
            // exclude most words.
            length.abs_diff(listed.length) <= slips
                && (own ^ listed.letters).count_ones() as usize <= 2 * slips
                && osa_distance(text, &listed.text) <= slips
        });
        found.extend(close.map(|listed| listed.word));
        found
    }

    /// Splits a word into listed and everyday words. Returns no words if letters are left over.
    pub(super) fn split(&self, text: &str) -> Vec<String> {
        spellings(text)
            .iter()
            .map(|spelling| self.split_spelling(spelling))
            .find(|words| !words.is_empty())
            .unwrap_or_default()
    }

    fn split_spelling(&self, text: &str) -> Vec<String> {
        let letters: Vec<char> = text.chars().take(RUN).collect();
        // For each length: the minimum number of words that the letters up to there form, and the
        // start of the last of these words.
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

/// Replaces the digits of a word by the letters that they resemble, with both readings of a 1.
/// Returns a word without digits or without letters unchanged.
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

/// Returns a word with each run of the same letter written once.
fn once(text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    letters.dedup();
    letters.into_iter().collect()
}

fn is_vowel(letter: char) -> bool {
    matches!(letter, 'a' | 'e' | 'i' | 'o' | 'u' | 'y')
}

/// Returns the set of the letters a to z in a word, one bit per letter.
fn letters(text: &str) -> u32 {
    text.bytes().filter(u8::is_ascii_lowercase).fold(0, |letters, letter| letters | 1 << (letter - b'a'))
}

/// Whether a word with masked letters may be the listed word. At least two of its letters must be
/// readable.
fn fits(listed: &str, text: &str) -> bool {
    let readable = text.chars().filter(|letter| *letter != BLOT).count();
    let alike = |(one, other): (char, char)| one == other || other == BLOT;
    readable >= 2 && listed.chars().count() == text.chars().count() && listed.chars().zip(text.chars()).all(alike)
}

#[cfg(test)]
mod tests;
