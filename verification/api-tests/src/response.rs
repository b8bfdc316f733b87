//! The responses of the API.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::time::Duration;

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::HeaderMap;
use serde_json::Value;

/// A complete response of the API.
#[derive(Debug, Clone)]
pub struct Response {
    /// The HTTP status code.
    pub status: u16,
    /// The headers of the response.
    pub headers: HeaderMap,
    /// The body as received, which may be compressed.
    pub body: Bytes,
    /// The time between opening the connection and reading the last byte.
    pub elapsed: Duration,
}

impl Response {
    /// Returns the value of a header, if it is present.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("the header consists of visible characters"))
    }

    /// Returns the header `X-Cache`: `hit`, `miss` or `bypass`.
    #[track_caller]
    pub fn cache_status(&self) -> &str {
        self.header("x-cache").unwrap_or_else(|| panic!("the response has no X-Cache: {self:?}"))
    }

    /// Returns whether this is a health response that reports `healthy`. On a busy machine, Redis
    /// may exceed the time limit of a check, so tests wait for this.
    pub fn is_healthy(&self) -> bool {
        self.json()["status"] == "healthy"
    }

    /// Returns whether this is a detailed health response with statistics of requests. On a busy
    /// machine, they may exceed their time limit, so tests wait for this.
    pub fn has_statistics(&self) -> bool {
        self.json()["performance"].is_object()
    }

    /// Returns the body. A compressed body is decompressed.
    pub fn decompressed(&self) -> Vec<u8> {
        if self.header("content-encoding") != Some("gzip") {
            return self.body.to_vec();
        }
        let mut plain = Vec::new();
        GzDecoder::new(&self.body[..]).read_to_end(&mut plain).expect("the body is valid gzip");
        plain
    }

    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.decompressed()).expect("the body is UTF-8")
    }

    /// Parses the body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.decompressed())
            .unwrap_or_else(|error| panic!("the body is not JSON: {error} in {self:?}"))
    }

    /// Asserts that the request succeeded, and parses the body as JSON.
    #[track_caller]
    pub fn expect_success(&self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.text());
        self.json()
    }

    /// Asserts that the response is this error, with problem details of the documented shape, and
    /// returns the problem details.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text());
        let problem = self.json();
        assert_problem(&problem, status, code);
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"));
        problem
    }
}

/// Asserts the documented shape of problem details: all required members, and no unknown ones.
#[track_caller]
pub fn assert_problem(problem: &Value, status: u16, code: &str) {
    let members = problem.as_object().expect("problem details are an object");
    let known = ["type", "title", "status", "detail", "code", "request_id", "errors", "resources"];
    for member in members.keys() {
        assert!(known.contains(&member.as_str()), "{member} in {problem}");
    }
    for member in ["type", "title", "detail", "code", "request_id"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {problem}");
    }
    assert_eq!((problem["status"].as_u64(), problem["code"].as_str()), (Some(status.into()), Some(code)), "{problem}");
    assert_eq!(problem["type"], format!("urn:kai:error:{code}"));
    assert!(
        problem.get("resources").is_none_or(|list| list.as_array().is_some_and(|list| !list.is_empty())),
        "{problem}"
    );
    let has_fields = members.contains_key("errors");
    assert_eq!(has_fields, code == "invalid_fields", "{problem}");
    for error in problem["errors"].as_array().into_iter().flatten() {
        let text = |member: &str| error[member].as_str().is_some_and(|text| !text.is_empty());
        assert!(
            text("field") && text("message") && error.as_object().is_some_and(|error| error.len() == 2),
            "{problem}"
        );
    }
}

/// Returns the statuses of responses in ascending order.
pub fn sorted_statuses(responses: &[Response]) -> Vec<u16> {
    let mut statuses: Vec<u16> = responses.iter().map(|response| response.status).collect();
    statuses.sort_unstable();
    statuses
}

/// Returns the names of the members of a JSON object.
pub fn member_names(object: &Value) -> BTreeSet<&str> {
    object.as_object().expect("the value is an object").keys().map(String::as_str).collect()
}

/// Returns the ids of the journal entries of a page, in their order.
pub fn entry_ids(page: &Value) -> Vec<String> {
    let entries = page["entries"].as_array().expect("the page contains entries");
    entries.iter().map(|entry| entry["id"].as_str().expect("the entry has an id").to_owned()).collect()
}

/// Returns the path of a journal entry.
pub fn entry_path(entry: &Value) -> String {
    format!("/api/journal/entries/{}", entry["id"].as_str().expect("the entry has an id"))
}
