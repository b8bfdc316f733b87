//! The requests of a working day. Eight of ten requests are reads.
//!
//! Every user repeatedly reads the newest entries, the profile and the conversation, and sometimes
//! the insights. Every second user also writes entries and messages. Half of the messages repeat an
//! earlier question. The requests of a user are evenly spaced and do not come in bursts. This is
//! hard on the cache, because nearly every write is followed by a read before the next write.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::json;

use super::users::User;
use crate::measurement::seed;
use crate::{accounts, journal};

/// A kind of request. Each user that sends the kind has its own load generator for it.
#[derive(Debug)]
pub(crate) struct RequestKind {
    pub(crate) name: &'static str,
    /// The percentage of all requests that are of this kind.
    pub(crate) share: f64,
    /// The step from one user that sends it to the next: 1 for every user, 2 for every second user.
    pub(crate) every: usize,
    pub(crate) method: &'static str,
    /// The number of connections of each load generator.
    pub(crate) connections: usize,
    pub(crate) action: Action,
}

/// The routes and bodies of a kind of request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Action {
    /// Sends a random request of [`READS`].
    Reads,
    /// Sends requests to one route, each with a random body.
    Write { path: &'static str, bodies: fn(&User) -> Vec<String> },
}

/// The paths of the reads, and the number of requests for each of them in eighty reads.
pub(crate) const READS: [(&str, usize); 5] = [
    ("/api/journal/entries?page=1&page_size=20", 32),
    ("/api/users/{user_id}/profile", 16),
    ("/api/chat/history", 16),
    ("/api/auth/me", 12),
    ("/api/journal/insights", 4),
];

/// The functions that the workload needs, including the one that registers the users.
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

pub(crate) const REQUEST_KINDS: [RequestKind; 5] = [
    RequestKind { name: "reads", share: 80.0, every: 1, method: "GET", connections: 4, action: Action::Reads },
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
    bodies: fn(&User) -> Vec<String>,
) -> RequestKind {
    RequestKind { name, share, every, method, connections: 2, action: Action::Write { path, bodies } }
}

/// Questions that are repeated. Each one is complete in itself, so that its cached answer is used.
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

/// Returns entries as long as those that the journals begin with, so that a page has the same size
/// at the beginning and at the end of the day.
fn entries(_: &User) -> Vec<String> {
    seed::texts().iter().map(|text| text.to_json().to_string()).collect()
}

fn messages(_: &User) -> Vec<String> {
    let entries = journal::generate(QUESTIONS.len(), Timestamp::UNIX_EPOCH);
    let texts = entries.into_iter().map(|entry| entry.content).chain(QUESTIONS.map(str::to_owned));
    texts.map(|text| json!({"message": text}).to_string()).collect()
}

fn profiles(_: &User) -> Vec<String> {
    let profile =
        |hour: u8| json!({"preferences": {"reminders": {"enabled": true, "time": format!("{hour}:30")}}}).to_string();
    (18..23).map(profile).collect()
}

fn credentials(user: &User) -> Vec<String> {
    vec![accounts::credentials(&user.email).to_string()]
}

/// The files that contain the requests of one load generator.
#[derive(Debug)]
pub(crate) struct Script {
    /// An address, or a file with one address per line.
    pub(crate) target: String,
    /// A file with one body per line.
    pub(crate) bodies: Option<PathBuf>,
}

impl Script {
    /// Writes the files for the requests of `kind` by `user`.
    ///
    /// # Errors
    /// A file in `folder` cannot be written.
    pub(crate) fn write(kind: &RequestKind, user: &User, api: &str, folder: &Path) -> Result<Self> {
        let address = |path: &str| format!("{api}{}", path.replace("{user_id}", &user.id));
        let file = folder.join(format!("{} {}.txt", kind.name, user.id));
        let write = |lines: &[String]| {
            fs::write(&file, lines.join("\n")).with_context(|| format!("cannot write {}", file.display()))
        };
        match kind.action {
            Action::Reads => {
                let lines: Vec<_> =
                    READS.iter().flat_map(|(path, times)| std::iter::repeat_n(address(path), *times)).collect();
                write(&lines)?;
                Ok(Self { target: file.display().to_string(), bodies: None })
            }
            Action::Write { path, bodies } => {
                write(&bodies(user))?;
                Ok(Self { target: address(path), bodies: Some(file) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eighty_of_a_hundred_requests_are_reads() {
        let shares: f64 = REQUEST_KINDS.iter().map(|kind| kind.share).sum();
        assert!((shares - 100.0).abs() < 1e-9, "{shares}");
        assert_eq!(READS.iter().map(|(_, times)| times).sum::<usize>(), 80);
        let reads = REQUEST_KINDS.iter().find(|kind| matches!(kind.action, Action::Reads));
        assert_eq!(reads.map(|kind| kind.share), Some(80.0));
    }

    #[test]
    fn a_script_names_the_user_and_has_a_line_for_each_share() {
        let folder = tempfile::tempdir().unwrap();
        let user = User { id: "7".to_owned(), email: "a@b.example".to_owned(), token: String::new() };
        let script = |kind| Script::write(kind, &user, "http://api", folder.path()).unwrap();
        let reads = fs::read_to_string(script(&REQUEST_KINDS[0]).target).unwrap();
        assert_eq!(reads.lines().filter(|line| *line == "http://api/api/users/7/profile").count(), 16);
        assert_eq!(reads.lines().count(), 80);
        for kind in &REQUEST_KINDS[1..] {
            let script = script(kind);
            assert!(script.target.starts_with("http://api/api/") && !script.target.contains('{'), "{script:?}");
            for body in fs::read_to_string(script.bodies.unwrap()).unwrap().lines() {
                serde_json::from_str::<serde_json::Value>(body).unwrap();
            }
        }
    }
}
