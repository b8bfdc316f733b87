//! Rules about English text in comments, Markdown pages and the OpenAPI document.
//!
//! They find the constructions that made earlier texts hard to read. Proselint, write-good and
//! Harper do not find these, and report hundreds of technical terms and passive sentences instead.

mod paragraph;

use serde_json::Value;

use self::paragraph::paragraphs;
use super::Finding;
use super::tree::Tree;

const MAX_WIDTH: usize = 100;
const OPENAPI: &str = "docs/openapi.json";

/// Phrases to avoid, each with what to write instead.
const PHRASES: &[(&str, &str)] = &[
    ("anew", "again"),
    ("are away", "are unavailable"),
    ("comes to nothing", "fails, or has no effect"),
    ("hear of", "subscribe to, or receive"),
    ("hears of", "subscribes to, or receives"),
    ("is away", "is unavailable"),
    ("lapse", "expire"),
    ("lapses", "expires"),
    ("makes good", "replaces"),
    ("mend", "fix"),
    ("mended", "fixed"),
    ("mends", "fixes"),
    ("nought", "zero"),
    ("somebody", "the caller, the client, the user or the operator"),
    ("whoever", "the caller, the client, the user or the operator"),
    ("whom", "a sentence that names the actor"),
];

/// Words that begin a sentence without an actor, unless the sentence is a question.
const HEADLESS: [&str; 5] = ["Of", "What", "Who", "Whoever", "Whom"];

/// Checks that no text contains a phrase to avoid or begins a sentence without an actor.
pub(super) fn sentences_name_their_actors(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files() {
        for paragraph in paragraphs(path, text) {
            let found = violations(&paragraph.text);
            findings.extend(found.into_iter().map(|text| Finding::at(path, paragraph.line, text)));
        }
    }
    let document = tree.file(OPENAPI).and_then(|text| serde_json::from_str::<Value>(text).ok());
    for description in document.iter().flat_map(descriptions) {
        findings.extend(violations(description).into_iter().map(|text| Finding::new(OPENAPI, text)));
    }
    findings
}

/// Checks that no doc comment has three words or fewer. Such a comment repeats the name, where a
/// unit, a range or a format would say more.
pub(super) fn doc_comments_say_more_than_the_name(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| path.ends_with(".rs")) {
        for paragraph in paragraphs(path, text).into_iter().filter(|paragraph| paragraph.is_whole_doc) {
            if paragraph.words <= 3 {
                let text = format!("{:?} repeats the name; say more, or delete it", paragraph.text);
                findings.push(Finding::at(path, paragraph.line, text));
            }
        }
    }
    findings
}

/// Checks that prose wraps at 100 columns. A line with a link cannot always be shorter.
pub(super) fn prose_is_wrapped(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files() {
        for (number, line) in paragraph::prose_lines(path, text) {
            let width = line.chars().count();
            if width > MAX_WIDTH && !line.contains("://") && !line.contains("](") {
                let text = format!("the line has {width} columns; prose wraps at {MAX_WIDTH}");
                findings.push(Finding::at(path, number, text));
            }
        }
    }
    findings
}

/// Returns a finding's text for each violation in a text.
fn violations(text: &str) -> Vec<String> {
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let normalized = format!(" {} ", words.join(" "));
    let phrases = PHRASES.iter().filter(|(phrase, _)| normalized.contains(&format!(" {phrase} ")));
    let phrases = phrases.map(|(phrase, instead)| format!("{phrase:?}: write {instead}"));

    let headless = sentences(text).filter(|sentence| {
        let first = sentence.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        HEADLESS.contains(&first) && !sentence.contains('?')
    });
    let headless = headless.map(|sentence| {
        let start: Vec<&str> = sentence.split_whitespace().take(6).collect();
        format!("\"{} …\": begin the sentence with its subject", start.join(" "))
    });
    phrases.chain(headless).collect()
}

/// Splits a text into sentences, each with the mark at its end.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = rest.match_indices(['.', '!', '?']).map(|(at, mark)| at + mark.len());
        let end = end.into_iter().find(|end| rest.get(*end..).is_some_and(|after| after.starts_with(' ')));
        let (sentence, after) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        rest = after.trim_start();
        (!sentence.is_empty()).then_some(sentence)
    })
}

/// Returns the summaries and descriptions of a document.
fn descriptions(document: &Value) -> Vec<&str> {
    match document {
        Value::Object(members) => {
            let own = ["description", "summary"].iter().filter_map(|name| members.get(*name)?.as_str());
            own.chain(members.values().flat_map(descriptions)).collect()
        }
        Value::Array(items) => items.iter().flat_map(descriptions).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Rule = fn(&Tree) -> Vec<Finding>;

    fn count(rule: Rule, path: &str, text: &str) -> usize {
        rule(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn a_phrase_to_avoid_is_found_in_every_kind_of_file() {
        for (phrase, _) in PHRASES {
            for (path, text) in [
                ("a.rs", format!("/// It {phrase} now and then.\n")),
                ("a.rs", format!("    // It {phrase}\n    // now.\n")),
                ("a.md", format!("# A\n\nIt {phrase}.\n")),
                ("a.md", format!("| a | It {phrase} |\n")),
                ("a.yaml", format!("# It {phrase}.\n")),
                ("a.sql", format!("-- It {phrase}.\n")),
                (OPENAPI, format!("{{\"a\": [{{\"description\": \"It {phrase}.\"}}]}}")),
            ] {
                assert_eq!(count(sentences_name_their_actors, path, &text), 1, "{path}: {text}");
            }
        }
    }

    #[test]
    fn a_phrase_is_found_across_lines_and_not_inside_code_or_a_word() {
        let rule = sentences_name_their_actors;
        assert_eq!(count(rule, "a.rs", "// Redis is\n// away.\n"), 1);
        for text in ["// It is `away`.\n", "// An amendment.\n", "fn mend() {}\n", "/// ```\n/// mend();\n/// ```\n"] {
            assert_eq!(count(rule, "a.rs", text), 0, "{text}");
        }
        assert_eq!(count(rule, "a.md", "```sh\nmend\n```\n"), 0);
    }

    #[test]
    fn a_sentence_needs_an_actor_unless_it_is_a_question() {
        let rule = sentences_name_their_actors;
        for text in ["Who asks gets it.", "It is so. Of certificates.", "What is kept stays."] {
            assert_eq!(count(rule, "a.md", text), 1, "{text}");
        }
        for text in ["Who asks?", "It says what it is.", "Whether the account may sign in.", "## What is kept"] {
            assert_eq!(count(rule, "a.md", text), 0, "{text}");
        }
    }

    #[test]
    fn a_doc_comment_of_three_words_is_found() {
        let rule = doc_comments_say_more_than_the_name;
        assert_eq!(count(rule, "a.rs", "/// The name.\nstruct Name;\n"), 1);
        assert_eq!(count(rule, "a.rs", "/// The name.\n///\n/// It has up to 50 characters.\nstruct Name;\n"), 0);
        assert_eq!(count(rule, "a.rs", "/// The name, in lower case.\nstruct Name;\n"), 0);
        assert_eq!(count(rule, "a.rs", "/// # Errors\n/// It fails.\nfn f() {}\n"), 0);
        assert_eq!(count(rule, "a.rs", "/// Options of `cargo xtask bench`.\nstruct Options;\n"), 0);
        assert_eq!(count(rule, "a.rs", "// The name.\n"), 0);
    }

    #[test]
    fn long_prose_is_found_and_long_code_is_not() {
        let long = "word ".repeat(25);
        for (path, text, expected) in [
            ("a.rs", format!("// {long}x\n"), 1),
            ("a.md", format!("{long}x\n"), 1),
            ("a.toml", format!("# {long}x\n"), 1),
            ("a.rs", format!("let x = \"{long}\";\n"), 0),
            ("a.md", format!("| {long}|\n"), 0),
            ("a.md", format!("```\n{long}x\n```\n"), 0),
            ("a.md", format!("[{long}](a.md)\n"), 0),
        ] {
            assert_eq!(count(prose_is_wrapped, path, &text), expected, "{path}: {text}");
        }
    }
}
