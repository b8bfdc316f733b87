//! The phrase lists, and their comparison with a message.
//!
//! Each line of a list is a phrase: words that must occur in this order, with at most two other
//! words between neighbors. Marks change this:
//!
//! - `|` separates alternatives for one word.
//! - `=` at the beginning allows no other words between neighbors, and `~` allows up to ten.
//! - `-` at the beginning, before `=` or `~`, makes the phrase deniable: a word of `denial.txt`
//!   inside the phrase or shortly before it cancels the match.
//! - `^` is the start of a message.
//! - `$` is the end of a sentence, directly after the preceding word.
//! - `#` at the beginning makes the line a comment.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::Language;
use super::normalise::{END, fold, readings};
use super::spelling::{Vocabulary, Word};

/// The maximum number of other words between two neighbors of a phrase.
const BETWEEN: usize = 2;
/// The maximum number of other words between two neighbors of a phrase that begins with `~`.
const FAR_BETWEEN: usize = 10;
/// The number of words before a phrase, in the same sentence, that can deny it.
const BEFORE: usize = 6;
/// The minimum length, in bytes, of a word that is split into several words.
const RUN_TOGETHER: usize = 6;

const ORDINARY: &str = include_str!("phrases/ordinary.txt");
const DENIAL: &str = include_str!("phrases/denial.txt");

/// The phrases that indicate a crisis.
pub(super) static CRISIS: LazyLock<Phrases<Language>> = LazyLock::new(|| {
    Phrases::compile(&[
        (Language::English, include_str!("phrases/english.txt")),
        (Language::German, include_str!("phrases/german.txt")),
        (Language::Spanish, include_str!("phrases/spanish.txt")),
    ])
});

/// The phrases for which a model reply is withheld.
pub(super) static HARMFUL: LazyLock<Phrases<()>> =
    LazyLock::new(|| Phrases::compile(&[((), include_str!("phrases/harmful.txt"))]));

/// Phrases with their meanings, compiled for the comparison.
#[derive(Debug)]
pub(super) struct Phrases<M> {
    vocabulary: Vocabulary,
    /// The words of all phrases, phrase by phrase.
    slots: Vec<FillPermit<M>>,
    /// The indices in `slots` of each word of the vocabulary, in descending order. The order
    /// prevents a word of a message from matching two words of one phrase.
    places: Vec<Vec<usize>>,
    denial: HashSet<String>,
}

/// One word of a phrase, with the rules for the words before it.
#[derive(Debug)]
struct FillPermit<M> {
    begins: bool,
    between: usize,
    deniable: bool,
    /// The meaning of the phrase if this is its last word.
    meaning: Option<M>,
}

impl<M: Copy> Phrases<M> {
    fn compile(lists: &[(M, &str)]) -> Self {
        let denial =
            DENIAL.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace).map(fold).collect();
        let mut phrases = Self { vocabulary: Vocabulary::default(), slots: Vec::new(), places: Vec::new(), denial };
        for (meaning, list) in lists {
            for line in list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
                phrases.add(*meaning, line);
            }
        }
        phrases.places.iter_mut().for_each(|places| places.reverse());
        phrases.vocabulary.except(ORDINARY);
        phrases
    }

    fn add(&mut self, meaning: M, line: &str) {
        let (deniable, line) = line.strip_prefix('-').map_or((false, line), |rest| (true, rest));
        let (between, line) = match line.split_at_checked(1) {
            Some(("=", rest)) => (0, rest),
            Some(("~", rest)) => (FAR_BETWEEN, rest),
            _ => (BETWEEN, line),
        };
        let first = self.slots.len();
        for alternatives in line.split_whitespace() {
            let slot = self.slots.len();
            let mut words: Vec<Word> =
                alternatives.split('|').flat_map(spellings).map(|text| self.vocabulary.add(&text)).collect();
            words.sort_unstable();
            words.dedup();
            self.places.resize_with(self.vocabulary.len(), Vec::new);
            for word in words {
                if let Some(places) = self.places.get_mut(word as usize) {
                    places.push(slot);
                }
            }
            self.slots.push(FillPermit { begins: slot == first, between, deniable, meaning: None });
        }
        if let Some(last) = self.slots.get_mut(first..).and_then(<[_]>::last_mut) {
            last.meaning = Some(meaning);
        }
    }

    /// Returns the meaning of the first phrase in a message, or `None` if no phrase matches.
    pub(super) fn find(&self, message: &str) -> Option<M> {
        let mut known = HashMap::new();
        // The dense reading comes first. It has whole words where the plain reading has fragments,
        // so it identifies the language better.
        readings(message).iter().rev().find_map(|words| {
            self.find_in(words, &mut known).or_else(|| {
                let apart = self.take_apart(words, &known);
                (apart.len() > words.len()).then(|| self.find_in(&apart, &mut known)).flatten()
            })
        })
    }

    /// Returns the words. Splits each unknown long word into the words that make it up.
    fn take_apart(&self, words: &[String], known: &HashMap<String, Vec<Word>>) -> Vec<String> {
        let mut apart = Vec::with_capacity(words.len());
        for word in words {
            let strange = word.len() >= RUN_TOGETHER && known.get(word).is_some_and(Vec::is_empty);
            let parts = if strange { self.vocabulary.split(word) } else { Vec::new() };
            if parts.is_empty() { apart.push(word.clone()) } else { apart.extend(parts) }
        }
        apart
    }

    /// Reads the words once. For each partial match of a phrase, stores only the latest position:
    /// any continuation of an earlier one also continues the latest.
    fn find_in(&self, words: &[String], known: &mut HashMap<String, Vec<Word>>) -> Option<M> {
        let mut ends: Vec<Option<usize>> = vec![None; self.slots.len()];
        let mut previous = "";
        for (place, text) in words.iter().enumerate() {
            // Two words may be one listed word: "my self".
            let joined =
                self.vocabulary.exact(&format!("{previous}{text}")).filter(|_| previous.len() + text.len() > 4);
            let joined = joined.map(|word| self.step(word, words, place.saturating_sub(1), place, &mut ends));
            if let Some(meaning) = joined.flatten() {
                return Some(meaning);
            }
            let found = known.entry(text.clone()).or_insert_with(|| self.vocabulary.find(text));
            if let Some(meaning) = found.iter().find_map(|word| self.step(*word, words, place, place, &mut ends)) {
                return Some(meaning);
            }
            previous = text;
        }
        None
    }

    /// Extends the partial matches by a listed word that begins at the position `from` and ends at
    /// `to`. Returns the meaning of the first phrase that the word completes.
    fn step(&self, word: Word, words: &[String], from: usize, to: usize, ends: &mut [Option<usize>]) -> Option<M> {
        for &index in self.places.get(word as usize)? {
            let slot = self.slots.get(index)?;
            let skipped = if slot.begins {
                let before = words.get(from.saturating_sub(BEFORE)..from)?;
                let sentence = before.iter().rposition(|word| word == END).map_or(0, |end| end + 1);
                before.get(sentence..)
            } else {
                let end = ends.get(index - 1).copied().flatten();
                let between = if words.get(from).is_some_and(|word| word == END) { 0 } else { slot.between };
                let reached = end.filter(|end| *end < from && from - end - 1 <= between);
                reached.and_then(|end| words.get(end + 1..from))
            };
            let Some(skipped) = skipped else { continue };
            if slot.deniable && skipped.iter().any(|word| self.denial.contains(word)) {
                continue;
            }
            if slot.meaning.is_some() {
                return slot.meaning;
            }
            if let Some(end) = ends.get_mut(index) {
                *end = Some(to);
            }
        }
        None
    }
}

/// Returns the spellings of a listed word: without its accents, and with the `e` that replaces the
/// dots of an umlaut.
fn spellings(listed: &str) -> Vec<String> {
    let plain = fold(listed);
    if listed.is_ascii() {
        return vec![plain];
    }
    let with_e: String = listed
        .chars()
        .map(|letter| match letter {
            'ä' => "ae".to_owned(),
            'ö' => "oe".to_owned(),
            'ü' => "ue".to_owned(),
            other => other.to_string(),
        })
        .collect();
    vec![plain, fold(&with_e)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(list: &str, message: &str) -> bool {
        Phrases::compile(&[((), list)]).find(message).is_some()
    }

    #[test]
    fn two_other_words_may_stand_between() {
        assert!(found("kill my self", "kill my own dear self"));
        assert!(!found("kill my self", "kill my own dear little self"));
        assert!(!found("kill my self", "self kill my"));
        assert!(found("a a", "a, a") && !found("a a", "a"));
    }

    #[test]
    fn marks_bind_a_phrase_to_its_place() {
        assert!(found("=end it $", "I want to end it. Now") && !found("=end it $", "end it well"));
        assert!(!found("=end it $", "end all of it") && found("=^ kms", "kms now") && !found("=^ kms", "5 kms"));
    }

    #[test]
    fn a_denial_undoes_only_what_may_be_denied() {
        assert!(found("-you should", "you should") && found("-you should", "Never. You really should"));
        assert!(!found("-you should", "never say you should") && !found("-you should", "you never should"));
        assert!(found("you should", "you never should"));
    }

    #[test]
    fn the_latest_beginning_is_continued() {
        assert!(found("want to die", "want x y z want to x die"));
        assert!(found("my self harm", "myself my self harm"));
    }

    #[test]
    fn umlauts_are_found_in_each_spelling() {
        for message in ["töten", "toten", "toeten", "TÖTEN", "to\u{308}ten"] {
            assert!(found("töten", message), "{message}");
        }
    }

    #[test]
    fn every_phrase_of_the_lists_has_words() {
        assert!(CRISIS.slots.len() > 1000 && HARMFUL.slots.len() > 300);
        assert!(CRISIS.places.iter().chain(&HARMFUL.places).all(|places| !places.is_empty()));
    }
}
