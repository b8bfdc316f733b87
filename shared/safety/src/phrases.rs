//! The phrase lists, and how a message is compared with them.
//!
//! A line of a list is one phrase: words in the order in which they must come, with at most two others between neighbours. `|` parts
//! alternatives for one word, `=` before a phrase allows nothing between its words and `~` up to ten, `-` lets a word of denial undo it,
//! `^` is the start of a message, `$` the end of a sentence with nothing before it, `#` begins a comment.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::Language;
use super::normalise::{END, fold, readings};
use super::spelling::{Vocabulary, Word};

/// How many words may stand between two of a phrase, and of one that is loose.
const BETWEEN: usize = 2;
const FAR_BETWEEN: usize = 10;
/// How many words before a phrase may deny it.
const BEFORE: usize = 6;
/// Words of fewer letters are not taken for several that were run together.
const RUN_TOGETHER: usize = 6;

const ORDINARY: &str = include_str!("phrases/ordinary.txt");
const DENIAL: &str = include_str!("phrases/denial.txt");

/// What looks like a crisis.
pub(super) static CRISIS: LazyLock<Phrases<Language>> = LazyLock::new(|| {
    Phrases::compile(&[
        (Language::English, include_str!("phrases/english.txt")),
        (Language::German, include_str!("phrases/german.txt")),
        (Language::Spanish, include_str!("phrases/spanish.txt")),
    ])
});

/// What an answer must not say.
pub(super) static HARMFUL: LazyLock<Phrases<()>> =
    LazyLock::new(|| Phrases::compile(&[((), include_str!("phrases/harmful.txt"))]));

/// Phrases, each with what it means.
#[derive(Debug)]
pub(super) struct Phrases<M> {
    vocabulary: Vocabulary,
    /// The words of all phrases, one phrase after the other.
    slots: Vec<FillPermit<M>>,
    /// Where each word of the vocabulary stands in `slots`, later places first: a word of a message must not count for two of one phrase.
    places: Vec<Vec<usize>>,
    denial: HashSet<String>,
}

/// One word of a phrase.
#[derive(Debug)]
struct FillPermit<M> {
    begins: bool,
    between: usize,
    deniable: bool,
    /// What the phrase means that ends here.
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

    /// What the first phrase means that a message has, or `None` if it has none.
    pub(super) fn find(&self, message: &str) -> Option<M> {
        let mut known = HashMap::new();
        // The dense reading first: it has whole words where the other has their remains, and so tells the language better.
        readings(message).iter().rev().find_map(|words| {
            self.find_in(words, &mut known).or_else(|| {
                let apart = self.take_apart(words, &known);
                (apart.len() > words.len()).then(|| self.find_in(&apart, &mut known)).flatten()
            })
        })
    }

    /// The words, with those apart that were run together.
    fn take_apart(&self, words: &[String], known: &HashMap<String, Vec<Word>>) -> Vec<String> {
        let mut apart = Vec::with_capacity(words.len());
        for word in words {
            let strange = word.len() >= RUN_TOGETHER && known.get(word).is_some_and(Vec::is_empty);
            let parts = if strange { self.vocabulary.split(word) } else { Vec::new() };
            if parts.is_empty() { apart.push(word.clone()) } else { apart.extend(parts) }
        }
        apart
    }

    /// Goes through the words once. Of each beginning of a phrase the latest place where it was found is remembered: whatever an earlier
    /// one could be continued with, the latest can as well.
    fn find_in(&self, words: &[String], known: &mut HashMap<String, Vec<Word>>) -> Option<M> {
        let mut ends: Vec<Option<usize>> = vec![None; self.slots.len()];
        let mut previous = "";
        for (place, text) in words.iter().enumerate() {
            // "my self" is one word in two.
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

    /// Takes in a listed word that stands from `from` to `to`, and gives the meaning of a phrase that it completes.
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

/// How a word of a list may be written: without its accents, and with the `e` that German puts in place of two dots.
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
