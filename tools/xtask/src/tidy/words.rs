//! Rules about text of every kind.

use super::Finding;
use super::tree::Tree;

/// Words that have no place in any file, and why. Written in two halves, or this file would be the first to break the rule.
const WORDS: &[(&str, &str, &str)] = &[
    ("TO", "DO", "what is left to do belongs into an issue"),
    ("FIX", "ME", "what is broken belongs into an issue"),
    ("XX", "X", "what is doubtful belongs into an issue"),
    ("/ho", "me/", "a path of one machine"),
    ("/Us", "ers/", "a path of one machine"),
    ("/ro", "ot/", "a path of one machine"),
    ("/wo", "rk/", "a path of one machine"),
    ("<<<<", "<<<", "a conflict that was not resolved"),
];

/// No notes to oneself, no paths of one machine, no white space that nobody sees.
pub(super) fn nothing_is_left_lying_about(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| *path != "Cargo.lock") {
        for (index, line) in text.lines().enumerate() {
            for (first, second, why) in WORDS {
                if is_there(line, &format!("{first}{second}")) {
                    findings.push(Finding::at(path, index + 1, format!("{first}{second}: {why}")));
                }
            }
            if line.ends_with([' ', '\t', '\r']) {
                findings.push(Finding::at(path, index + 1, "white space at the end of the line"));
            }
        }
        if !text.is_empty() && !text.ends_with('\n') {
            findings.push(Finding::new(path, "the last line has no end"));
        }
    }
    findings
}

/// Whether a line has the word, and not as a part of another one.
fn is_there(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|text| text.chars().next());
        let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let is_path = word.starts_with('/');
        !is_letter(before) && (is_path || !is_letter(after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> usize {
        nothing_is_left_lying_about(&Tree::of(&[("a.md", text)])).len()
    }

    #[test]
    fn each_word_is_found_by_itself_and_not_inside_of_another() {
        for (first, second, _) in WORDS {
            assert_eq!(check(&format!("x {first}{second} y\n")), 1, "{first}{second}");
        }
        assert_eq!(check(&format!("METH{}{}S\nthe /var/ho{}\n", "O", "DO", "me/x")), 0);
    }

    #[test]
    fn loose_ends_are_found() {
        assert_eq!(check("a \n"), 1);
        assert_eq!(check("a"), 1);
        assert_eq!(check("a\nb\n"), 0);
    }
}
