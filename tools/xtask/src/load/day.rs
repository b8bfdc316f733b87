//! What people ask for on a working day: of ten requests, eight read.
//!
//! Everybody opens the application and sees the newest entries, the profile and the conversation, again and again, and the insights now and
//! then. Every second one writes as well: entries, and messages, of which half ask what they have asked before. That nobody's requests come
//! in bursts is hard on the cache: nearly everything that is written is read before the next is.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::json;

use super::people::{PASSWORD, Person};
use crate::bench::fixture::journal::{Text, texts};
use crate::dev::journal;

/// Requests of one method by everybody; each person has a generator of their own for them.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// How many of a hundred requests.
    pub(crate) share: f64,
    /// Which people: each, or every second one.
    pub(crate) every: usize,
    pub(crate) method: &'static str,
    /// Connections that each person has for them.
    pub(crate) connections: usize,
    pub(crate) what: What,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What {
    /// One of [`READS`], by chance.
    Reads,
    /// Always the same route, with one of the bodies in a file.
    Write { path: &'static str, bodies: fn(&Person) -> Vec<String> },
}

/// Paths, and how many of eighty reads are for each.
pub(crate) const READS: [(&str, usize); 5] = [
    ("/api/journal/entries?page=1&page_size=20", 32),
    ("/api/users/{user_id}/profile", 16),
    ("/api/chat/history", 16),
    ("/api/auth/me", 12),
    ("/api/journal/insights", 4),
];

/// The functions that have a part in the day, and the one that makes the people.
pub(crate) const FUNCTIONS: [&str; 10] = [
    "auth-login",
    "auth-me",
    "auth-register",
    "chat-history",
    "chat-send",
    "journal-create",
    "journal-insights",
    "journal-list",
    "profile-get",
    "profile-update",
];

pub(crate) const KINDS: [Kind; 5] = [
    Kind { name: "reads", share: 80.0, every: 1, method: "GET", connections: 4, what: What::Reads },
    write("new entry", 14.0, 2, "POST", "/api/journal/entries", entries),
    write("message", 4.0, 2, "POST", "/api/chat", messages),
    write("profile", 1.0, 2, "PATCH", "/api/users/{user_id}/profile", profiles),
    write("log-in", 1.0, 1, "POST", "/api/auth/login", credentials),
];

const fn write(
    name: &'static str,
    share: f64,
    every: usize,
    method: &'static str,
    path: &'static str,
    bodies: fn(&Person) -> Vec<String>,
) -> Kind {
    Kind { name, share, every, method, connections: 2, what: What::Write { path, bodies } }
}

/// What is asked more than once: it says what it is about, so that the model is not asked again.
const QUESTIONS: [&str; 8] = [
    "How can I sleep better?",
    "How can I calm down before exams?",
    "Which exercises help against a racing heart at night?",
    "How does breathing slowly help with stress?",
    "Can you help me with stress at work?",
    "How can I tell my sister about my anxiety?",
    "How do people find friends in a new town?",
    "Is walking every day good for a low mood?",
];

/// As long as those that the journals begin with, so that a page is as long at the end of the day as at its beginning.
fn entries(_: &Person) -> Vec<String> {
    let entry =
        |Text { title, content, tags }: Text| json!({"title": title, "content": content, "mood": 6.5, "tags": tags});
    texts().into_iter().map(|text| entry(text).to_string()).collect()
}

fn messages(_: &Person) -> Vec<String> {
    let entries = journal::write(QUESTIONS.len(), Timestamp::UNIX_EPOCH);
    let texts = entries.into_iter().map(|entry| entry.content).chain(QUESTIONS.map(str::to_owned));
    texts.map(|text| json!({"message": text}).to_string()).collect()
}

fn profiles(_: &Person) -> Vec<String> {
    let hour =
        |hour: u8| json!({"preferences": {"reminders": {"enabled": true, "time": format!("{hour}:30")}}}).to_string();
    (18..23).map(hour).collect()
}

fn credentials(person: &Person) -> Vec<String> {
    vec![json!({"email": person.email, "password": PASSWORD}).to_string()]
}

/// What a generator of one person asks for, written down where it finds it.
#[derive(Debug)]
pub(crate) struct Script {
    /// An address, or a file with one in each line.
    pub(crate) target: String,
    /// A file with a body in each line.
    pub(crate) bodies: Option<PathBuf>,
}

impl Script {
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn write(kind: &Kind, person: &Person, api: &str, folder: &Path) -> Result<Self> {
        let address = |path: &str| format!("{api}{}", path.replace("{user_id}", &person.user));
        let file = folder.join(format!("{} {}.txt", kind.name, person.user));
        let write = |lines: &[String]| {
            fs::write(&file, lines.join("\n")).with_context(|| format!("cannot write {}", file.display()))
        };
        match kind.what {
            What::Reads => {
                let lines: Vec<_> =
                    READS.iter().flat_map(|(path, times)| std::iter::repeat_n(address(path), *times)).collect();
                write(&lines)?;
                Ok(Self { target: file.display().to_string(), bodies: None })
            }
            What::Write { path, bodies } => {
                write(&bodies(person))?;
                Ok(Self { target: address(path), bodies: Some(file) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eighty_of_a_hundred_requests_read() {
        let shares: f64 = KINDS.iter().map(|kind| kind.share).sum();
        assert!((shares - 100.0).abs() < 1e-9, "{shares}");
        assert_eq!(READS.iter().map(|(_, times)| times).sum::<usize>(), 80);
        assert_eq!(KINDS.iter().find(|kind| matches!(kind.what, What::Reads)).map(|kind| kind.share), Some(80.0));
    }

    #[test]
    fn a_script_names_the_person_and_holds_a_line_for_each_share() {
        let folder = tempfile::tempdir().unwrap();
        let person = Person { user: "7".to_owned(), email: "a@b.example".to_owned(), token: String::new() };
        let script = |kind| Script::write(kind, &person, "http://api", folder.path()).unwrap();
        let reads = fs::read_to_string(script(&KINDS[0]).target).unwrap();
        assert_eq!(reads.lines().filter(|line| *line == "http://api/api/users/7/profile").count(), 16);
        assert_eq!(reads.lines().count(), 80);
        for kind in &KINDS[1..] {
            let script = script(kind);
            assert!(script.target.starts_with("http://api/api/") && !script.target.contains('{'), "{script:?}");
            for body in fs::read_to_string(script.bodies.unwrap()).unwrap().lines() {
                serde_json::from_str::<serde_json::Value>(body).unwrap();
            }
        }
    }
}
