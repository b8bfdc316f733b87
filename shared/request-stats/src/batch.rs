//! The lines that CloudWatch Logs delivers together.

use std::collections::BTreeMap;

use aws_lambda_events::cloudwatch_logs::LogData;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::aggregate::Aggregate;
use crate::log_line::{LogLine, SlowQuery};
use crate::minute::Minute;

/// The number of slow queries that are retained per batch: the slowest ones. If the database has a
/// problem, every statement is slow, and more examples do not help.
const MAX_SLOW_QUERIES: usize = 20;

/// The sums of a batch of log lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// A hash of the ids of the lines. A batch that is delivered again has the same id.
    pub(crate) id: String,
    /// The requests by minute and endpoint.
    pub(crate) requests: BTreeMap<(Minute, String), Aggregate>,
    /// The slowest queries by the id of their line.
    pub(crate) slow_queries: BTreeMap<String, SlowQuery>,
    /// The number of lines that were counted.
    pub folded: u64,
    /// The number of lines that were skipped because they are truncated or not of a kind that is
    /// counted.
    pub skipped: u64,
}

impl Batch {
    /// Aggregates the lines that CloudWatch Logs delivered. A control message, which only checks
    /// that the destination exists, has no lines.
    pub fn fold(data: &LogData, now: Timestamp) -> Self {
        let mut batch = Self { id: id(data), ..Self::default() };
        let mut slow_queries = Vec::new();
        for event in data.log_events.iter().filter(|_| data.message_type == "DATA_MESSAGE") {
            let logged = Timestamp::from_millisecond(event.timestamp).unwrap_or(now);
            match LogLine::parse(&event.message, logged, now) {
                LogLine::Request(request) => {
                    let key = (request.minute, request.endpoint.clone());
                    batch.requests.entry(key).or_default().record(&request);
                }
                LogLine::SlowQuery(query) => slow_queries.push((event.id.clone(), query)),
                LogLine::Unknown => {
                    batch.skipped += 1;
                    continue;
                }
            }
            batch.folded += 1;
        }
        slow_queries.sort_by_key(|(_, query)| std::cmp::Reverse(query.duration_ms));
        batch.slow_queries = slow_queries.into_iter().take(MAX_SLOW_QUERIES).collect();
        batch
    }
}

/// Hashes the source of the lines and their ids. CloudWatch gives every line a unique id, which
/// stays the same when the line is delivered again.
fn id(data: &LogData) -> String {
    let mut hash = Sha256::new();
    let events = data.log_events.iter().map(|event| event.id.as_str());
    for part in [data.owner.as_str(), &data.log_group, &data.log_stream].into_iter().chain(events) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::log_line::tests::line;

    /// Returns the decoded data that CloudWatch Logs delivers for these lines.
    fn data(stream: &str, lines: &[(&str, Timestamp, String)]) -> LogData {
        let events: Vec<_> = lines
            .iter()
            .map(|(id, at, message)| json!({"id": id, "timestamp": at.as_millisecond(), "message": message}))
            .collect();
        serde_json::from_value(json!({
            "owner": "123456789012", "logGroup": "JournalListLogGroup", "logStream": stream, "subscriptionFilters": ["f"],
            "messageType": "DATA_MESSAGE", "logEvents": events,
        }))
        .unwrap()
    }

    fn slow_query(statement: &str, duration_ms: u64) -> String {
        json!({"message": "slow query", "statement": statement, "duration_ms": duration_ms}).to_string()
    }

    #[test]
    fn lines_are_summed_by_endpoint_and_minute_and_unknown_lines_are_counted_as_skipped() {
        let now = Timestamp::now();
        let earlier = Minute::of(now).minus(3).start();
        let (list, health) = ("GET /api/journal/entries", "GET /health");
        let batch = Batch::fold(
            &data(
                "a",
                &[
                    ("1", now, line(list, 10, 200, now)),
                    ("2", now, line(list, 30, 500, now)),
                    ("3", now, line(list, 20, 200, earlier)),
                    ("4", now, line(health, 5, 404, now)),
                    ("5", now, "START RequestId: 7".to_owned()),
                    ("6", now, line(health, 5, 200, now)[..100].to_owned()),
                    ("7", now, slow_query("journal.list", 231)),
                ],
            ),
            now,
        );
        assert_eq!((batch.folded, batch.skipped), (5, 2));
        assert_eq!(batch.requests.len(), 3);
        let sum = |minute: Timestamp, endpoint: &str| &batch.requests[&(Minute::of(minute), endpoint.to_owned())];
        assert_eq!((sum(now, list).count, sum(now, list).errors, sum(now, list).total_us), (2, 1, 40));
        assert_eq!((sum(earlier, list).count, sum(now, health).client_errors), (1, 1));
        assert_eq!(batch.slow_queries["7"].statement, "journal.list");
    }

    #[test]
    fn the_id_of_a_batch_depends_on_its_log_stream_and_its_lines() {
        let now = Timestamp::now();
        let lines = [("1", now, String::new()), ("2", now, String::new())];
        let id = |stream: &str, lines: &[_]| Batch::fold(&data(stream, lines), now).id;
        assert_eq!(id("a", &lines), id("a", &lines));
        assert_ne!(id("a", &lines), id("b", &lines));
        assert_ne!(id("a", &lines), id("a", &lines[..1]));
        assert_eq!(id("a", &lines).len(), 64);
    }

    #[test]
    fn only_the_slowest_of_many_slow_queries_are_retained() {
        let now = Timestamp::now();
        let queries: Vec<_> =
            (0..100_u64).map(|number| (number.to_string(), slow_query("journal.list", number))).collect();
        let lines: Vec<_> = queries.iter().map(|(id, line)| (id.as_str(), now, line.clone())).collect();
        let batch = Batch::fold(&data("a", &lines), now);
        assert_eq!((batch.slow_queries.len(), batch.folded), (20, 100));
        assert!(batch.slow_queries.values().all(|query| query.duration_ms >= 80));
    }

    #[test]
    fn a_control_message_and_an_empty_message_contain_no_lines() {
        let now = Timestamp::now();
        let mut control = data("a", &[("1", now, line("GET /health", 1, 200, now))]);
        control.message_type = "CONTROL_MESSAGE".to_owned();
        let is_empty = |batch: Batch| (batch.folded, batch.skipped, batch.requests.len()) == (0, 0, 0);
        assert!(is_empty(Batch::fold(&control, now)) && is_empty(Batch::fold(&data("a", &[]), now)));
    }
}
