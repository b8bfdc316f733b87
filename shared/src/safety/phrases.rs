//! Lists of phrases, and whether one of them is in a text.

use super::words::{without_repeats, words};

/// How many other words may stand between two of a phrase: `kill my stupid self`.
const GAP: usize = 2;
/// A phrase that is run together is found within a word from so many letters on.
const RUN_TOGETHER: usize = 8;

/// Phrases, each a word after another, and each word one of several.
#[derive(Debug)]
pub(super) struct Phrases(Vec<Vec<Vec<String>>>);

impl Phrases {
    /// Reads one phrase from each line; `/` stands between words of which any will do, `#` before a comment.
    pub(super) fn read(list: &str) -> Self {
        let lines = list.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        let any_of = |choice: &str| choice.split('/').flat_map(words).collect::<Vec<_>>();
        let phrases = lines.filter(|line| !line.is_empty()).map(|line| line.split_whitespace().map(any_of).collect());
        Self(phrases.collect())
    }

    /// Whether one of the phrases is in the text: its words in order, with few others between them.
    pub(super) fn are_in(&self, text: &[String]) -> bool {
        self.0.iter().any(|phrase| {
            let (first, rest) = match phrase.split_first() {
                Some(split) => split,
                None => return false,
            };
            let starts = text.iter().enumerate().filter(|(_, word)| is_one_of(word, first));
            let in_order = starts.map(|(place, _)| place).any(|place| follow(rest, text, place + 1));
            in_order || (!rest.is_empty() && is_run_together(phrase, text))
        })
    }
}

/// Whether the rest of a phrase follows, each of its words at most [`GAP`] words behind the one before.
fn follow(rest: &[Vec<String>], text: &[String], from: usize) -> bool {
    let Some((next, rest)) = rest.split_first() else { return true };
    let window = text.iter().enumerate().skip(from).take(GAP + 1);
    window.filter(|(_, word)| is_one_of(word, next)).any(|(place, _)| follow(rest, text, place + 1))
}

fn is_run_together(phrase: &[Vec<String>], text: &[String]) -> bool {
    let joined: String = phrase.iter().filter_map(|choice| choice.first()).map(String::as_str).collect();
    let joined = without_repeats(&joined);
    joined.len() >= RUN_TOGETHER && text.iter().any(|word| word.len() >= joined.len() && word.contains(&joined))
}

fn is_one_of(word: &str, choice: &[String]) -> bool {
    choice.iter().any(|meant| is_meant(word, meant))
}

/// Whether a word is the one that is meant, or a slip of the pen away from it: one from five letters on, two from eight; the first letter is right.
fn is_meant(word: &str, meant: &str) -> bool {
    if word == meant {
        return true;
    }
    let slips = match meant.len() {
        0..5 => return false,
        5..8 => 1,
        _ => 2,
    };
    let close_in_length = word.len().abs_diff(meant.len()) <= slips;
    close_in_length && word.chars().next() == meant.chars().next() && strsim::osa_distance(word, meant) <= slips
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_in(list: &str, text: &str) -> bool {
        Phrases::read(list).are_in(&words(text))
    }

    #[test]
    fn few_words_may_stand_between_those_of_a_phrase_and_many_may_not() {
        assert!(is_in("kill myself", "to kill my dear myself"));
        assert!(!is_in("kill myself", "to kill one two three myself"));
        assert!(!is_in("kill myself", "myself kill"));
    }

    #[test]
    fn of_a_choice_any_word_will_do() {
        for text in ["want to die", "wants to die"] {
            assert!(is_in("want/wants to die", text), "{text}");
        }
        assert!(!is_in("want/wants to die", "have to die"));
    }

    #[test]
    fn long_words_may_be_misspelt_and_short_ones_may_not() {
        assert!(is_in("suicide", "sucide") && is_in("overdose", "ovredoes"));
        assert!(!is_in("die", "dye") && !is_in("myself", "itself"));
    }

    #[test]
    fn comments_and_empty_lines_are_no_phrases() {
        assert!(!is_in("# a comment\n\n   \nword # more", "a comment more"));
    }
}
