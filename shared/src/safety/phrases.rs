//! Lists of phrases, and whether one of them is in a text.

use super::words::{without_repeats, words};

/// How many other words may stand between two of a phrase: `take all those damned pills`.
const GAP: usize = 2;
/// A phrase that is run together is found within a word from so many letters on.
const RUN_TOGETHER: usize = 8;
/// A word of so many letters or more may be misspelt.
const SPELLABLE: usize = 6;
/// Words of their own, and no slips of the pen away from one of a list.
const ORDINARY: &[&str] =
    &["overdone", "overdoes", "overcome", "contarme", "contarte", "ahorarme", "ahorarte", "suspicion"];

/// How closely a text is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// As in the list.
    Exact,
    /// A slip of the pen is forgiven in long words.
    Loose,
}

/// Phrases, each a word after another.
#[derive(Debug)]
pub(super) struct Phrases(Vec<Vec<Part>>);

/// A place in a phrase.
#[derive(Debug)]
struct Part {
    /// Whether it follows at once; otherwise up to [`GAP`] words may stand before it.
    is_next: bool,
    expected: Expected,
}

#[derive(Debug)]
enum Expected {
    /// Any of these words.
    Word(Vec<String>),
    /// The text's beginning.
    Start,
    /// The text's end.
    End,
}

impl Phrases {
    /// Reads one phrase from each line. `/` stands between words of which any will do, `=` before a word that follows at once, `^` and `$` for the
    /// text's beginning and end, `#` before a comment.
    pub(super) fn read(list: &str) -> Self {
        let lines = list.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        let phrases =
            lines.filter(|line| !line.is_empty()).map(|line| line.split_whitespace().map(Part::read).collect());
        Self(phrases.collect())
    }

    /// Whether one of the phrases is in the text: its words in order, with few others between them.
    pub(super) fn are_in(&self, text: &[String], spelling: Spelling) -> bool {
        self.0.iter().any(|phrase| {
            let Some((first, rest)) = phrase.split_first() else { return false };
            let in_order = match &first.expected {
                Expected::Start => follow(rest, text, 0, spelling),
                Expected::End => false,
                Expected::Word(choice) => {
                    let starts = text.iter().enumerate().filter(|(_, word)| is_one_of(word, choice, spelling));
                    starts.map(|(place, _)| place).any(|place| follow(rest, text, place + 1, spelling))
                }
            };
            in_order || (spelling == Spelling::Loose && is_run_together(phrase, text))
        })
    }
}

impl Part {
    fn read(text: &str) -> Self {
        let (is_next, text) = text.strip_prefix('=').map_or((false, text), |text| (true, text));
        let expected = match text {
            "^" => Expected::Start,
            "$" => Expected::End,
            _ => Expected::Word(text.split('/').flat_map(words).collect()),
        };
        Self { is_next: is_next || matches!(expected, Expected::End), expected }
    }
}

/// Whether the rest of a phrase follows, none of its words too far behind the one before.
fn follow(rest: &[Part], text: &[String], from: usize, spelling: Spelling) -> bool {
    let Some((part, rest)) = rest.split_first() else { return true };
    let choice = match &part.expected {
        Expected::Word(choice) => choice,
        Expected::Start => return false,
        Expected::End => return from == text.len(),
    };
    let reach = if part.is_next { 1 } else { GAP + 1 };
    let window = text.iter().enumerate().skip(from).take(reach);
    window
        .filter(|(_, word)| is_one_of(word, choice, spelling))
        .any(|(place, _)| follow(rest, text, place + 1, spelling))
}

/// Whether the phrase, with the first word of each choice, stands in the text without spaces.
fn is_run_together(phrase: &[Part], text: &[String]) -> bool {
    let words = phrase.iter().filter_map(|part| match &part.expected {
        Expected::Word(choice) => choice.first(),
        Expected::Start | Expected::End => None,
    });
    let words: Vec<&str> = words.map(String::as_str).collect();
    let joined = without_repeats(&words.concat());
    words.len() > 1 && joined.len() >= RUN_TOGETHER && text.iter().any(|word| word.contains(&joined))
}

fn is_one_of(word: &str, choice: &[String], spelling: Spelling) -> bool {
    choice.iter().any(|meant| word == meant || (spelling == Spelling::Loose && is_slip(word, meant)))
}

/// Whether a word is one slip of the pen away from the one that is meant: a letter too many, too few, another, or two in each other's place. The
/// first letter is right.
fn is_slip(word: &str, meant: &str) -> bool {
    meant.len() >= SPELLABLE
        && word.len().abs_diff(meant.len()) <= 1
        && word.as_bytes().first() == meant.as_bytes().first()
        && !ORDINARY.contains(&word)
        && strsim::osa_distance(word, meant) <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_in(list: &str, text: &str) -> bool {
        Phrases::read(list).are_in(&words(text), Spelling::Loose)
    }

    #[test]
    fn few_words_may_stand_between_those_of_a_phrase_and_many_may_not() {
        assert!(is_in("take pills", "to take all those pills"));
        assert!(!is_in("take pills", "to take one two three pills"));
        assert!(!is_in("take pills", "pills take"));
    }

    #[test]
    fn a_word_may_have_to_follow_at_once() {
        assert!(is_in("cut =myself", "I cut myself"));
        assert!(!is_in("cut =myself", "I cut my hair myself"));
    }

    #[test]
    fn a_phrase_may_have_to_be_all_that_is_said_or_the_end_of_it() {
        assert!(is_in("cant =go =on $", "I can't go on."));
        assert!(!is_in("cant =go =on $", "I can't go on holiday"));
        assert!(is_in("^ =kms", "kms, seriously"));
        assert!(!is_in("^ =kms", "I ran 5 kms"));
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
        assert!(is_in("suicide", "sucide") && is_in("overdose", "ovredose"));
        assert!(!is_in("die", "dye") && !is_in("myself", "itself"));
        for ordinary in ["overcome", "overdone", "overdo", "oversee"] {
            assert!(!is_in("overdose", ordinary), "{ordinary}");
        }
        assert!(!Phrases::read("suicide").are_in(&words("sucide"), Spelling::Exact));
    }

    #[test]
    fn comments_and_empty_lines_are_no_phrases() {
        assert!(!is_in("# a comment\n\n   \nword # more", "a comment more"));
    }
}
