//! The lines that CloudWatch Logs delivers together.

use std::collections::BTreeMap;

use aws_lambda_events::cloudwatch_logs::LogData;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::aggregate::Aggregate;
use crate::line::{Line, SlowQuery};
use crate::minute::Minute;

/// So many slow queries of one batch are kept, the slowest: when the database is in trouble every statement is slow, and nobody reads on.
const SLOW_QUERIES: usize = 20;

/// The lines of a batch, folded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// The same for the same lines, and for no others: by it a batch that is delivered again is known.
    pub(crate) id: String,
    /// By minute and endpoint.
    pub(crate) requests: BTreeMap<(Minute, String), Aggregate>,
    /// Each under a name of its own, which is the line's id.
    pub(crate) slow_queries: BTreeMap<String, SlowQuery>,
    /// Lines that were counted.
    pub folded: u64,
    /// Lines that are not ours, cut off, or without use here.
    pub skipped: u64,
}

impl Batch {
    /// Folds what CloudWatch Logs delivered. A message that checks whether the destination is there has no lines.
    pub fn fold(data: &LogData, now: Timestamp) -> Self {
        let mut batch = Self { id: id(data), ..Self::default() };
        let mut slow_queries = Vec::new();
        for event in data.log_events.iter().filter(|_| data.message_type == "DATA_MESSAGE") {
            let logged = Timestamp::from_millisecond(event.timestamp).unwrap_or(now);
            match Line::parse(&event.message, logged, now) {
                Line::Request(request) => {
                    let key = (request.minute, request.endpoint.clone());
                    batch.requests.entry(key).or_default().record(&request);
                }
                Line::SlowQuery(query) => slow_queries.push((event.id.clone(), query)),
                Line::Foreign => {
                    batch.skipped += 1;
                    continue;
                }
            }
            batch.folded += 1;
        }
        slow_queries.sort_by_key(|(_, query)| std::cmp::Reverse(query.duration_ms));
        batch.slow_queries = slow_queries.into_iter().take(SLOW_QUERIES).collect();
        batch
    }
}

/// CloudWatch gives every line an id of its own, which stays the same when it is delivered again.
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
pub(crate) mod tests {
    use serde_json::json;

    use super::*;
    use crate::line::tests::line;

    /// What CloudWatch Logs delivers of these lines, in clear.
    pub(crate) fn data(stream: &str, lines: &[(&str, Timestamp, String)]) -> LogData {
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

    pub(crate) fn slow(statement: &str, duration_ms: u64) -> String {
        json!({"message": "slow query", "statement": statement, "duration_ms": duration_ms}).to_string()
    }

    #[test]
    fn lines_are_folded_by_endpoint_and_minute_and_what_is_foreign_is_counted() {
        let now = Timestamp::now();
        let earlier = Minute::of(now).before(3).start();
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
                    ("7", now, slow("journal.list", 231)),
                ],
            ),
            now,
        );
        assert_eq!((batch.folded, batch.skipped), (5, 2));
        assert_eq!(batch.requests.len(), 3);
        let of = |minute: Timestamp, endpoint: &str| &batch.requests[&(Minute::of(minute), endpoint.to_owned())];
        assert_eq!((of(now, list).count, of(now, list).errors, of(now, list).total_us), (2, 1, 40));
        assert_eq!((of(earlier, list).count, of(now, health).client_errors), (1, 1));
        assert_eq!(batch.slow_queries["7"].statement, "journal.list");
    }

    #[test]
    fn a_batch_is_known_again_by_its_lines() {
        let now = Timestamp::now();
        let lines = [("1", now, String::new()), ("2", now, String::new())];
        let id = |stream: &str, lines: &[_]| Batch::fold(&data(stream, lines), now).id;
        assert_eq!(id("a", &lines), id("a", &lines));
        assert_ne!(id("a", &lines), id("b", &lines));
        assert_ne!(id("a", &lines), id("a", &lines[..1]));
        assert_eq!(id("a", &lines).len(), 64);
    }

    #[test]
    fn of_many_slow_queries_the_slowest_are_kept() {
        let now = Timestamp::now();
        let names: Vec<_> = (0..100_u64).map(|number| (number.to_string(), slow("journal.list", number))).collect();
        let lines: Vec<_> = names.iter().map(|(id, line)| (id.as_str(), now, line.clone())).collect();
        let batch = Batch::fold(&data("a", &lines), now);
        assert_eq!((batch.slow_queries.len(), batch.folded), (20, 100));
        assert!(batch.slow_queries.values().all(|query| query.duration_ms >= 80));
    }

    #[test]
    fn a_message_that_checks_the_destination_and_an_empty_one_hold_nothing() {
        let now = Timestamp::now();
        let mut check = data("a", &[("1", now, line("GET /health", 1, 200, now))]);
        check.message_type = "CONTROL_MESSAGE".to_owned();
        let nothing = |batch: Batch| (batch.folded, batch.skipped, batch.requests.len()) == (0, 0, 0);
        assert!(nothing(Batch::fold(&check, now)) && nothing(Batch::fold(&data("a", &[]), now)));
    }
}
