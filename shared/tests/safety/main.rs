//! The detector against messages of our own writing: what it finds in each category, and that `docs/safety.md` says the same.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "test code outside of the test functions themselves"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use shared::safety;

struct Message {
    category: &'static str,
    is_crisis: bool,
    text: &'static str,
}

fn corpus() -> Vec<Message> {
    let lines = include_str!("corpus.txt").lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let message = |line: &'static str| {
        let [category, expected, text] = line.splitn(3, '|').collect::<Vec<_>>().try_into().expect("three columns");
        assert!(["crisis", "safe"].contains(&expected), "{line}");
        Message { category, is_crisis: expected == "crisis", text }
    };
    lines.map(message).collect()
}

/// Of each category: how many messages, and how many of them were taken for a crisis.
fn found() -> BTreeMap<&'static str, (usize, usize)> {
    let mut found = BTreeMap::new();
    for message in corpus() {
        let (all, detected) = found.entry(message.category).or_insert((0, 0));
        let is_detected = safety::detect(message.text).is_some();
        if is_detected != message.is_crisis {
            println!("{}: {}", message.category, message.text);
        }
        (*all, *detected) = (*all + 1, *detected + usize::from(is_detected));
    }
    found
}

fn table() -> String {
    let mut table = "| category | messages | taken for a crisis | not |\n|---|---|---|---|\n".to_owned();
    for (category, (all, detected)) in found() {
        writeln!(table, "| {category} | {all} | {detected} | {} |", all - detected).unwrap();
    }
    table
}

#[test]
fn the_confusion_matrix_is_the_one_in_the_document() {
    let table = table();
    println!("{table}");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/safety.md");
    let document = fs::read_to_string(path).unwrap();
    assert!(document.contains(&table), "docs/safety.md holds another table than this one:\n{table}");
}

#[test]
fn nothing_explicit_is_missed_and_little_of_what_is_not() {
    let found = found();
    let recall = |category: &str| {
        let (all, detected) = found[category];
        f64::from(u32::try_from(detected).unwrap()) / f64::from(u32::try_from(all).unwrap())
    };
    for (category, least) in [
        ("explicit", 1.0),
        ("misspelt", 1.0),
        ("negated", 0.95),
        ("quoted", 0.95),
        ("indirect", 0.85),
        ("german", 0.9),
        ("spanish", 0.9),
    ] {
        assert!(recall(category) >= least, "{category}: {}", recall(category));
    }
    assert!(recall("safe") <= 0.05, "{} of what is safe is taken for a crisis", recall("safe"));
    assert!(corpus().len() >= 300);
}

/// However an explicit message is dressed up, it is found.
#[test]
fn an_explicit_message_is_found_in_any_case_and_with_invisible_or_foreign_letters_in_it() {
    let dress = |text: &str, change: fn(char) -> String| text.chars().map(change).collect::<String>();
    for message in corpus().iter().filter(|message| message.category == "explicit") {
        for dressed in [
            message.text.to_uppercase(),
            message.text.to_lowercase(),
            dress(message.text, |c| format!("{c}\u{200b}")),
            dress(message.text, |c| if c == ' ' { " \u{ad} ".to_owned() } else { c.to_string() }),
            dress(message.text, |c| match c {
                'e' => "е".to_owned(),
                'i' => "і".to_owned(),
                'o' => "о".to_owned(),
                c => c.to_string(),
            }),
            format!("So, how was your day?\n\n{} Anyway.", message.text),
        ] {
            assert!(safety::detect(&dressed).is_some(), "{dressed}");
        }
    }
}
