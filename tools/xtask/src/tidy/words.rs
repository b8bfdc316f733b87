//! Rules about the text of all files.

use super::Finding;
use super::tree::Tree;

/// Words that no file may contain, and the reason. Each word is written in two halves, because this
/// file would break the rule otherwise.
const WORDS: &[(&str, &str, &str)] = &[
    ("TO", "DO", "open work belongs in an issue"),
    ("FIX", "ME", "a defect belongs in an issue"),
    ("XX", "X", "a doubt belongs in an issue"),
    ("/ho", "me/", "the path exists on one machine only"),
    ("/Us", "ers/", "the path exists on one machine only"),
    ("/ro", "ot/", "the path exists on one machine only"),
    ("/wo", "rk/", "the path exists on one machine only"),
    ("<<<<", "<<<", "a merge conflict is unresolved"),
];

/// Checks that no file contains notes by its author, paths of one machine or trailing white space,
/// and that every file ends with a newline.
pub(super) fn files_contain_no_leftovers(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| *path != "Cargo.lock") {
        for (index, line) in text.lines().enumerate() {
            for (first, second, why) in WORDS {
                if is_there(line, &format!("{first}{second}")) {
                    findings.push(Finding::at(path, index + 1, format!("{first}{second}: {why}")));
                }
            }
            if line.ends_with([' ', '\t', '\r']) {
                findings.push(Finding::at(path, index + 1, "the line ends with white space"));
            }
        }
        if !text.is_empty() && !text.ends_with('\n') {
            findings.push(Finding::new(path, "the last line does not end with a newline"));
        }
    }
    findings
}

/// Returns whether a line contains the word as a whole word.
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
        files_contain_no_leftovers(&Tree::of(&[("a.md", text)])).len()
    }

    #[test]
    fn each_word_is_found_by_itself_and_not_inside_another() {
        for (first, second, _) in WORDS {
            assert_eq!(check(&format!("x {first}{second} y\n")), 1, "{first}{second}");
        }
        assert_eq!(check(&format!("METH{}{}S\nthe /var/ho{}\n", "O", "DO", "me/x")), 0);
    }

    #[test]
    fn trailing_white_space_and_a_missing_newline_are_found() {
        assert_eq!(check("a \n"), 1);
        assert_eq!(check("a"), 1);
        assert_eq!(check("a\nb\n"), 0);
    }
}
