//! Tests of the table over DynamoDB's own protocol: what is counted, how often, and what the report
//! contains.

#![expect(clippy::unwrap_used, reason = "test code outside of the test functions themselves")]

mod dynamodb;

use aws_lambda_events::cloudwatch_logs::LogData;
use dynamodb::DynamoDb;
use futures_util::future::join_all;
use jiff::{Timestamp, ToSpan as _};
use request_stats::{Batch, Table, Window};
use serde_json::{Value, json};

const LIST: &str = "GET /api/journal/entries";

/// Returns a line as a function prints it.
fn line(endpoint: &str, milliseconds: f64, status: u16, at: Timestamp) -> (Timestamp, String) {
    let directive = json!({"Namespace": "Kai", "Dimensions": [["Service", "Endpoint"]], "Metrics": []});
    let metadata = json!({"Timestamp": at.as_millisecond(), "CloudWatchMetrics": [directive]});
    let text = json!({
        "_aws": metadata, "Service": "kai", "Endpoint": endpoint, "Latency": milliseconds, "Requests": 1, "Errors": u8::from(status >= 500),
        "ClientErrors": u8::from((400..500).contains(&status)), "DbQueries": 1, "SlowQueries": 0, "status": status,
        "families": {"session": {"hits": 1, "misses": 0}, "journal:list": {"hits": 0, "misses": 1}},
    });
    (at, text.to_string())
}

fn slow_query(statement: &str, at: Timestamp) -> (Timestamp, String) {
    (at, json!({"message": "slow query", "statement": statement, "duration_ms": 231, "rows": 2}).to_string())
}

/// Returns the data that CloudWatch Logs delivers. The ids of the lines begin with `name`.
fn log_data(name: &str, lines: &[(Timestamp, String)]) -> LogData {
    let event = |(number, (at, message)): (usize, &(Timestamp, String))| json!({"id": format!("{name}-{number}"), "timestamp": at.as_millisecond(), "message": message});
    serde_json::from_value(json!({
        "owner": "1", "logGroup": "g", "logStream": "s", "subscriptionFilters": ["f"], "messageType": "DATA_MESSAGE",
        "logEvents": lines.iter().enumerate().map(event).collect::<Vec<_>>(),
    }))
    .unwrap()
}

fn batch(name: &str, lines: &[(Timestamp, String)]) -> Batch {
    Batch::fold(&log_data(name, lines), Timestamp::now())
}

/// Reads the report of a window that ends at `now`: a fixed time, so that no minute passes in the
/// middle of a test.
async fn read_report(table: &Table, window: &str, now: Timestamp) -> Value {
    let window: Window = window.parse().unwrap();
    serde_json::to_value(table.report(window, now).await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_report_contains_what_was_added() {
    let db = DynamoDb::start().await;
    let (now, table) = (Timestamp::now(), db.table());
    let lines: Vec<_> = (1..=100).map(|n| line(LIST, f64::from(n), if n <= 4 { 500 } else { 200 }, now)).collect();
    let lines = [lines, vec![line("GET /health", 7.0, 404, now), slow_query("journal.list", now)]].concat();
    let added = table.add(&batch("a", &lines)).await.unwrap();
    assert!(!added.repeated);
    assert_eq!((added.families["session"].hits, added.families["journal:list"].misses), (101, 101));

    let report = read_report(&table, "5m", now).await;
    assert_eq!(
        (&report["count"], &report["window_seconds"], &report["slow_query_count"]),
        (&json!(101), &json!(300), &json!(0))
    );
    let list = &report["endpoints"][LIST];
    assert_eq!((&list["count"], &list["error_rate"]), (&json!(100), &json!(0.04)));
    assert_eq!((&list["client_error_rate"], &list["queries_per_request"]), (&json!(0.0), &json!(1.0)));
    assert_eq!(report["endpoints"]["GET /health"]["client_error_rate"], 1.0);
    assert_eq!((&list["avg_time"], &list["min_time"], &list["max_time"]), (&json!(0.0505), &json!(0.001), &json!(0.1)));
    for (name, exact) in [("p50", 0.050), ("p95", 0.095), ("p99", 0.099)] {
        let estimate = list[name].as_f64().unwrap();
        assert!((estimate - exact).abs() <= exact * 0.01, "{name}: {estimate}");
    }
    assert_eq!(report["cache"]["families"]["session"], json!({"hits": 101, "misses": 0, "hit_rate": 1.0}));
    assert_eq!(report["cache"]["hit_rate"], json!(0.5));
    assert_eq!(report["slow_queries"][0]["statement"], "journal.list");
    let timeline = report["timeline"].as_array().unwrap();
    assert_eq!(timeline.len(), 5);
    let counts: u64 = timeline.iter().map(|step| step["count"].as_u64().unwrap()).sum();
    assert_eq!(counts, 101);
}

#[tokio::test]
async fn a_batch_that_is_delivered_again_counts_once() {
    let db = DynamoDb::start().await;
    let (now, table) = (Timestamp::now(), db.table());
    let batch = batch("a", &[line(LIST, 7.0, 200, now), slow_query("journal.list", now)]);
    assert!(!table.add(&batch).await.unwrap().repeated);
    for _ in 0..3 {
        let again = table.add(&batch).await.unwrap();
        assert!(again.repeated && again.families.is_empty());
    }
    // Also while the batch is being added for the first time.
    let other = self::batch("b", &[line(LIST, 7.0, 200, now)]);
    let all = join_all((0..4).map(|_| table.add(&other))).await;
    assert_eq!(all.iter().filter(|added| !added.as_ref().unwrap().repeated).count(), 1);
    let report = read_report(&table, "5m", now).await;
    assert_eq!((&report["count"], report["slow_queries"].as_array().unwrap().len()), (&json!(2), 1));
}

#[tokio::test]
async fn concurrent_batches_are_all_counted() {
    let db = DynamoDb::start().await;
    let (now, table) = (Timestamp::now(), db.table());
    let batches: Vec<_> = (0..4)
        .map(|n| batch(&n.to_string(), &[line(LIST, f64::from(n + 1), 200, now), line(LIST, 9.0, 503, now)]))
        .collect();
    for added in join_all(batches.iter().map(|batch| table.add(batch))).await {
        assert!(!added.unwrap().repeated);
    }
    let list = &read_report(&table, "5m", now).await["endpoints"][LIST];
    assert_eq!((&list["count"], &list["error_rate"]), (&json!(8), &json!(0.5)));
    assert_eq!((&list["min_time"], &list["max_time"]), (&json!(0.001), &json!(0.009)));
}

#[tokio::test]
async fn a_batch_that_failed_half_way_is_completed_by_a_retry_and_counts_once() {
    let db = DynamoDb::start().await;
    let now = Timestamp::now();
    // More than fit into one transaction, or two.
    let lines: Vec<_> = (0..120).map(|n| line(&format!("GET /{n}"), 7.0, 200, now)).collect();
    let batch = batch("a", &lines);
    let failing = db.table_that_fails("TransactWriteItems", 2);
    let error = failing.add(&batch).await.unwrap_err().to_string();
    assert!(error.starts_with("TransactWriteItems: "), "{error}");
    assert_eq!(read_report(&db.table(), "5m", now).await["count"], 49, "one transaction was committed");
    let added = db.table().add(&batch).await.unwrap();
    assert!(!added.repeated);
    assert_eq!(added.families["session"].hits, 71, "what was counted before is not reported again");
    assert_eq!(read_report(&db.table(), "5m", now).await["count"], 120);
    assert!(db.table().add(&batch).await.unwrap().repeated);
}

#[tokio::test]
async fn a_late_batch_counts_in_its_own_minute() {
    let db = DynamoDb::start().await;
    let (now, table) = (Timestamp::now(), db.table());
    let (half_an_hour, two_hours, ten_hours) = (now - 30.minutes(), now - 2.hours(), now - 10.hours());
    table.add(&batch("now", &[line(LIST, 7.0, 200, now)])).await.unwrap();
    table.add(&batch("late", &[line(LIST, 7.0, 200, half_an_hour), line(LIST, 7.0, 200, two_hours)])).await.unwrap();
    table.add(&batch("later", &[line(LIST, 7.0, 200, ten_hours)])).await.unwrap();
    for (window, count) in [("1m", 1), ("5m", 1), ("1h", 2), ("3h", 3), ("6h", 3), ("361m", 3), ("11h", 4), ("24h", 4)]
    {
        assert_eq!(read_report(&table, window, now).await["count"], count, "{window}");
    }
    // A timeline has one step for each minute, or for as many minutes as give 60 steps. Over six
    // hours it has one for each hour, including the current one.
    let current_hour = usize::from(now.as_second().rem_euclid(3600) < 59 * 60);
    for (window, steps, minutes) in
        [("1m", 1, 1), ("15m", 15, 1), ("60m", 60, 1), ("61m", 31, 2), ("6h", 60, 6), ("24h", 24 + current_hour, 60)]
    {
        let report = read_report(&table, window, now).await;
        let timeline = report["timeline"].as_array().unwrap();
        assert_eq!(timeline.len(), steps, "{window}");
        let at = |step: &Value| step["at"].as_str().unwrap().parse::<Timestamp>().unwrap().as_second();
        assert!(timeline.windows(2).all(|pair| at(&pair[1]) - at(&pair[0]) == minutes * 60), "{window}");
        let counts: u64 = timeline.iter().map(|step| step["count"].as_u64().unwrap()).sum();
        assert_eq!(counts, report["count"], "{window}");
    }
}

#[tokio::test]
async fn truncated_and_unknown_lines_and_empty_batches_change_no_total() {
    let db = DynamoDb::start().await;
    let (now, table) = (Timestamp::now(), db.table());
    let good = line(LIST, 7.0, 200, now);
    let truncated = (now, good.1[..good.1.len() / 2].to_owned());
    let unknown = (now, good.1.replace("\"Kai\"", "\"Other\""));
    let mixed = batch("a", &[good, truncated, unknown, (now, "END RequestId: 1".to_owned())]);
    assert_eq!((mixed.folded, mixed.skipped), (1, 3));
    table.add(&mixed).await.unwrap();
    let empty = table.add(&batch("b", &[])).await.unwrap();
    assert!(!empty.repeated);
    let report = read_report(&table, "5m", now).await;
    assert_eq!((&report["count"], report["endpoints"].as_object().unwrap().len()), (&json!(1), 1));
}

#[tokio::test]
async fn the_latest_slow_queries_come_first_also_across_midnight() {
    let db = DynamoDb::start().await;
    let (now, table) = (Timestamp::now(), db.table());
    for (number, hours) in [30, 23, 13, 1].into_iter().enumerate() {
        table
            .add(&batch(&number.to_string(), &[slow_query(&format!("{hours} hours ago"), now - hours.hours())]))
            .await
            .unwrap();
    }
    let report = read_report(&table, "24h", now).await;
    let statements: Vec<_> =
        report["slow_queries"].as_array().unwrap().iter().map(|query| query["statement"].as_str().unwrap()).collect();
    assert_eq!(statements, ["1 hours ago", "13 hours ago", "23 hours ago"]);
    assert_eq!(read_report(&table, "2h", now).await["slow_queries"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn every_item_expires_after_fourteen_days() {
    let db = DynamoDb::start().await;
    let now = Timestamp::now();
    db.table().add(&batch("a", &[line(LIST, 7.0, 200, now), slow_query("journal.list", now)])).await.unwrap();
    let expiries = db.expiries().await;
    assert_eq!(
        expiries.len(),
        4,
        "the aggregates of a minute and of an hour, a slow query, and the mark that they are counted"
    );
    for expiry in expiries {
        let left = expiry - now.as_second();
        assert!((13 * 86_400 + 86_340..=14 * 86_400).contains(&left), "{left}");
    }
}

#[tokio::test]
async fn a_reset_deletes_all_statistics_but_remembers_counted_batches() {
    let db = DynamoDb::start().await;
    let (now, table) = (Timestamp::now(), db.table());
    let lines: Vec<_> = (0..60).map(|n| line(&format!("GET /{n}"), 7.0, 200, now - (n * 20).minutes())).collect();
    let batch = batch("a", &[lines, vec![slow_query("journal.list", now)]].concat());
    table.add(&batch).await.unwrap();
    assert_eq!(read_report(&table, "24h", now).await["count"], 60);
    table.reset(now).await.unwrap();
    let report = read_report(&table, "24h", now).await;
    assert_eq!(
        (&report["count"], &report["slow_queries"], &report["error_rate"]),
        (&json!(0), &json!([]), &Value::Null)
    );
    assert!(report["timeline"].as_array().unwrap().iter().all(|step| step["count"] == 0 && step["p50"].is_null()));
    let again = table.add(&batch).await.unwrap();
    assert!(again.repeated);
    assert_eq!(read_report(&table, "24h", now).await["count"], 0);
}

#[tokio::test]
async fn the_error_of_an_unavailable_table_quotes_no_stored_value() {
    let db = DynamoDb::start().await;
    let error =
        db.table_that_fails("Query", 1).report(Window::DEFAULT, Timestamp::now()).await.unwrap_err().to_string();
    assert!(error.starts_with("Query: ") && error.len() < 60, "{error}");
}

#[test]
fn a_window_is_a_number_of_minutes_or_hours_up_to_a_day() {
    for good in ["1m", "15m", "90m", "1440m", "1h", "24h"] {
        assert!(good.parse::<Window>().is_ok(), "{good}");
    }
    for bad in ["", "m", "0m", "1441m", "25h", "1d", "-1m", "+1m", "1.5h", "15", " 15m", "99999999999999999999m"] {
        assert!(bad.parse::<Window>().is_err(), "{bad}");
    }
}
