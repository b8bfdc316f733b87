//! A constant stream of mixed requests, and a record of what was acknowledged.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use api_tests::{Response, TestApp, TestUser};
use futures_util::future::join_all;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

/// Fifty a second.
const EVERY: Duration = Duration::from_millis(20);

/// A writer of entries whose lists are checked.
pub(super) struct Keeper {
    pub(super) user: TestUser,
    acknowledged: Mutex<HashSet<String>>,
}

impl Keeper {
    /// Somebody with three entries.
    pub(super) async fn settle(app: &TestApp) -> Self {
        let keeper = Self { user: app.new_user().await, acknowledged: Mutex::default() };
        for number in 0..3 {
            keeper.create(&format!("before-{number}")).await;
        }
        keeper
    }

    pub(super) async fn create(&self, content: &str) -> Response {
        let response = super::create(&self.user, content).await;
        if response.status == 201 {
            self.acknowledged().insert(response.json()["id"].as_str().unwrap().to_owned());
        }
        response
    }

    /// Lists everything, and asserts that whatever had been acknowledged when the request was sent is there.
    pub(super) async fn list_entries(&self) -> Response {
        let expected = self.acknowledged().clone();
        let response = self.user.get("/api/journal/entries?page_size=100").await;
        if response.status == 200 {
            let page = response.json();
            let listed: HashSet<&str> =
                page["entries"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap()).collect();
            let missing: Vec<_> = expected.iter().filter(|id| !listed.contains(id.as_str())).collect();
            assert!(missing.is_empty(), "acknowledged, and missing from a {}: {missing:?}", response.cache_status());
            assert_eq!(page["total"], listed.len(), "no page is full, so the count is the length");
        }
        response
    }

    fn acknowledged(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends requests for that long, each at its time whether or not earlier ones are answered. Of ten, one is a create, by the keepers in
/// turn. Returns the answers and when they were asked for, from the beginning.
pub(super) async fn run(keepers: &[Keeper], duration: Duration) -> Vec<(Duration, Response)> {
    let start = Instant::now();
    let number = u32::try_from(duration.as_millis() / EVERY.as_millis()).unwrap();
    let requests = (0..number).map(|number| async move {
        let at = EVERY * number;
        sleep_until(start + at).await;
        let round = number / 10;
        let keeper = &keepers[number as usize % keepers.len()];
        let response = match number % 10 {
            0 => keepers[round as usize % keepers.len()].create(&format!("entry-{number}")).await,
            1..=5 => keeper.list_entries().await,
            6 | 7 => keeper.user.get(keeper.user.profile_path()).await,
            _ => keeper.user.get("/api/auth/me").await,
        };
        (at, response)
    });
    join_all(requests).await
}

/// Asserts that every answer is a success, and that there are some.
pub(super) fn assert_all_good(responses: &[(Duration, Response)]) {
    assert!(responses.len() > 100);
    for (at, response) in responses {
        assert!((200..300).contains(&response.status), "after {at:?}: {} {}", response.status, response.text());
    }
}

/// The metric documents of these answers, each with its environment.
pub(super) fn documents(app: &TestApp, responses: &[(Duration, Response)]) -> Vec<(String, Value)> {
    let ids: HashSet<&str> = responses.iter().filter_map(|(_, response)| response.header("x-request-id")).collect();
    let lines = app.logs.lines().into_iter().filter(|line| line.text.contains("\"_aws\""));
    let documents = lines.map(|line| (line.environment, serde_json::from_str::<Value>(&line.text).unwrap()));
    let documents: Vec<_> =
        documents.filter(|(_, document)| ids.contains(document["requestId"].as_str().unwrap())).collect();
    assert_eq!(documents.len(), ids.len(), "one for each answer");
    documents
}
