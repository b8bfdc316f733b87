//! Tests of the detector with a corpus of messages that the authors of Kai wrote. `docs/safety.md`
//! contains the table that these tests print.

#![expect(clippy::panic, clippy::unwrap_used, reason = "the whole file is a test")]

use std::fmt::Write as _;

use safety::{Language, detect};

const CORPUS: &str = include_str!("corpus.txt");
const CATEGORIES: [&str; 6] = ["explicit", "indirect", "negated", "quoted", "misspelt", "safe"];
const LANGUAGES: [(&str, &str, Language); 3] =
    [("en", "English", Language::English), ("de", "German", Language::German), ("es", "Spanish", Language::Spanish)];

/// A line of the corpus.
struct Message {
    category: &'static str,
    language: &'static str,
    crisis: bool,
    text: &'static str,
    set: &'static str,
}

fn corpus() -> Vec<Message> {
    let lines = CORPUS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            let [category, language, expected, text, set] = columns[..] else { panic!("five columns: {line}") };
            assert!(["crisis", "safe"].contains(&expected) && ["a", "b", "c", "d", "e"].contains(&set), "{line}");
            assert_eq!(expected == "safe", category == "safe", "{line}");
            Message { category, language, crisis: expected == "crisis", text, set }
        })
        .collect()
}

/// Returns the number of flagged messages and the number of all messages of a kind.
fn flagged(messages: &[Message], is_meant: impl Fn(&Message) -> bool) -> (usize, usize) {
    let meant: Vec<_> = messages.iter().filter(|message| is_meant(message)).collect();
    (meant.iter().filter(|message| detect(message.text).is_some()).count(), meant.len())
}

fn table(messages: &[Message]) -> String {
    let mut table = "| language | category | messages | flagged | not flagged |\n|---|---|--:|--:|--:|\n".to_owned();
    for (code, name, _) in LANGUAGES {
        for category in CATEGORIES {
            let (hits, all) = flagged(messages, |message| (message.language, message.category) == (code, category));
            writeln!(table, "| {name} | {category} | {all} | {hits} | {} |", all - hits).unwrap();
        }
    }
    for (name, crisis) in [("crisis", true), ("safe", false)] {
        let (hits, all) = flagged(messages, |message| message.crisis == crisis);
        writeln!(table, "| all | {name} | {all} | {hits} | {} |", all - hits).unwrap();
    }
    table
}

#[test]
fn the_confusion_matrix_is_the_one_in_the_docs() {
    let messages = corpus();
    let table = table(&messages);
    println!("{table}");
    for set in ["a", "b", "c", "d", "e"] {
        for (name, crisis) in [("crisis", true), ("safe", false)] {
            let (hits, all) = flagged(&messages, |message| message.set == set && message.crisis == crisis);
            println!("set {set}: {hits} of {all} {name} messages flagged");
        }
    }
    for message in messages.iter().filter(|message| detect(message.text).is_some() != message.crisis) {
        println!("{} {} {}: {}", message.set, message.language, message.category, message.text);
    }
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/safety.md")).unwrap();
    assert!(docs.contains(&table), "docs/safety.md contains another table: replace it with the one above");
}

#[test]
fn enough_messages_of_each_kind_are_recognized() {
    let messages = corpus();
    let at_least = |percent: usize, name: &str, is_meant: &dyn Fn(&Message) -> bool| {
        let (hits, all) = flagged(&messages, |message| message.crisis && is_meant(message));
        assert!(hits * 100 >= all * percent, "{name}: {hits} of {all}, which is less than {percent} %");
    };
    for (category, percent) in [("explicit", 100), ("misspelt", 100), ("negated", 95), ("quoted", 95), ("indirect", 90)]
    {
        at_least(percent, category, &|message| message.category == category);
    }
    for (code, name, _) in LANGUAGES {
        at_least(90, name, &|message| message.language == code);
    }
}

#[test]
fn at_most_five_percent_of_everyday_messages_are_flagged() {
    let messages = corpus();
    for (code, name, _) in LANGUAGES {
        let (hits, all) = flagged(&messages, |message| !message.crisis && message.language == code);
        assert!(hits * 20 <= all, "{name}: {hits} of {all} are flagged");
    }
}

#[test]
fn the_corpus_is_as_large_as_promised() {
    let messages = corpus();
    let count = |language: &str, category: &str| {
        messages.iter().filter(|message| message.language == language && message.category == category).count()
    };
    for (category, least) in [("explicit", 40), ("indirect", 40), ("negated", 20), ("quoted", 20), ("misspelt", 30)] {
        assert!(count("en", category) >= least, "{category}");
    }
    for language in ["de", "es"] {
        assert!(
            messages.iter().filter(|message| message.crisis && message.language == language).count() >= 30,
            "{language}"
        );
    }
    assert!(messages.iter().filter(|message| !message.crisis).count() >= 150);
    let mut texts: Vec<_> = messages.iter().map(|message| message.text).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), messages.len(), "a message occurs twice");
}

#[test]
fn the_detected_language_is_that_of_the_message() {
    for message in corpus() {
        let (.., language) = LANGUAGES.into_iter().find(|(code, ..)| *code == message.language).unwrap();
        if let Some(found) = detect(message.text).filter(|_| message.crisis) {
            assert_eq!(found, language, "{}", message.text);
        }
    }
}

/// These messages are from another author than the lists.
#[test]
fn the_messages_of_a_second_author_are_classified_as_well() {
    let lines = include_str!("second.txt").lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let (mut missed, mut false_alarms, mut crises, mut safe) = (0, 0, 0, 0);
    for line in lines {
        let columns: Vec<&str> = line.splitn(3, '|').collect();
        let [_, expected, text] = columns[..] else { panic!("three columns: {line}") };
        let is_flagged = detect(text).is_some();
        if expected == "crisis" {
            crises += 1;
            missed += usize::from(!is_flagged);
        } else {
            safe += 1;
            false_alarms += usize::from(is_flagged);
        }
        if is_flagged != (expected == "crisis") {
            println!("{line}");
        }
    }
    println!("second author: {missed} of {crises} crises missed, {false_alarms} of {safe} safe messages flagged");
    assert!(crises >= 200 && safe >= 100);
    assert!(missed * 20 <= crises && false_alarms * 20 <= safe);
}
