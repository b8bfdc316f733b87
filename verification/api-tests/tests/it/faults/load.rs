//! A constant load of mixed requests, and a record of the acknowledged writes.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api_tests::{Response, TestApp, TestUser, emf};
use futures_util::future::join_all;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::fixture::create_once;

/// The time between two requests: 50 requests per second.
const INTERVAL: Duration = Duration::from_millis(20);

/// A user who writes entries, and checks that every list contains the acknowledged ones.
pub(super) struct Writer {
    pub(super) user: TestUser,
    acknowledged: Mutex<HashSet<String>>,
}

impl Writer {
    /// Creates a writer with three entries.
    pub(super) async fn new(app: &TestApp) -> Self {
        let writer = Self { user: app.new_user().await, acknowledged: Mutex::default() };
        for number in 0..3 {
            writer.create(&format!("before-{number}")).await;
        }
        writer
    }

    pub(super) async fn create(&self, content: &str) -> Response {
        let response = create_once(&self.user, content).await;
        if response.status == 201 {
            self.acknowledged().insert(response.json()["id"].as_str().unwrap().to_owned());
        }
        response
    }

    /// Lists all entries, and asserts that the list contains those that were acknowledged before
    /// the request.
    pub(super) async fn list_entries(&self) -> Response {
        let expected = self.acknowledged().clone();
        let response = self.user.get("/api/journal/entries?page_size=100").await;
        if response.status == 200 {
            let page = response.json();
            let listed: HashSet<&str> =
                page["entries"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap()).collect();
            let missing: Vec<_> = expected.iter().filter(|id| !listed.contains(id.as_str())).collect();
            assert!(
                missing.is_empty(),
                "acknowledged entries are missing from a {}: {missing:?}",
                response.cache_status()
            );
            assert_eq!(page["total"], listed.len(), "the page is not full, so its length is the count");
        }
        response
    }

    fn acknowledged(&self) -> MutexGuard<'_, HashSet<String>> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends requests for this duration, each at its scheduled time, without waiting for earlier
/// responses. One request in ten is a create, by the writers in turn. Returns the responses, each
/// with the time at which its request was sent.
pub(super) async fn run(writers: &[Writer], duration: Duration) -> Vec<(Duration, Response)> {
    let start = Instant::now();
    let number = u32::try_from(duration.as_millis() / INTERVAL.as_millis()).unwrap();
    let requests = (0..number).map(|number| async move {
        let at = INTERVAL * number;
        sleep_until(start + at).await;
        let round = number / 10;
        let writer = &writers[number as usize % writers.len()];
        let response = match number % 10 {
            0 => writers[round as usize % writers.len()].create(&format!("entry-{number}")).await,
            1..=5 => writer.list_entries().await,
            6 | 7 => writer.user.get(writer.user.profile_path()).await,
            _ => writer.user.get("/api/auth/me").await,
        };
        (at, response)
    });
    join_all(requests).await
}

/// Asserts that every response is a success, and that there are more than 100.
pub(super) fn assert_all_successful(responses: &[(Duration, Response)]) {
    assert!(responses.len() > 100);
    for (at, response) in responses {
        assert!((200..300).contains(&response.status), "after {at:?}: {} {}", response.status, response.text());
    }
}

/// Returns the metric lines of these responses, each with its environment.
pub(super) fn metric_lines(app: &TestApp, responses: &[(Duration, Response)]) -> Vec<(String, Value)> {
    let ids: HashSet<&str> = responses.iter().filter_map(|(_, response)| response.header("x-request-id")).collect();
    let lines = app.logs.lines().into_iter().filter(|line| emf::looks_like_emf(&line.text));
    let documents = lines.map(|line| (line.environment, serde_json::from_str::<Value>(&line.text).unwrap()));
    let documents: Vec<_> =
        documents.filter(|(_, document)| ids.contains(document["requestId"].as_str().unwrap())).collect();
    assert_eq!(documents.len(), ids.len(), "there is one metric line for each response");
    documents
}
