//! Tests of `metrics-rollup`, which adds up the metric lines of the functions exactly once.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::mem;

use api_tests::{Setup, TestApp, send_all, template};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::events;

const LIST: &str = "GET /api/journal/entries";

/// Starts a system whose log lines are delivered.
async fn start() -> TestApp {
    TestApp::start_with(Setup { delivers_logs: true, ..Setup::default() }).await
}

/// Returns the event in which CloudWatch Logs delivers these lines. Their ids begin with `name`.
pub(super) fn event(name: &str, lines: &[String]) -> Value {
    let now = Timestamp::now().as_millisecond();
    let entry = |(number, line)| json!({"id": format!("{name}{number}"), "timestamp": now, "message": line});
    let data = json!({
        "messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "g", "logStream": "s", "subscriptionFilters": ["f"],
        "logEvents": lines.iter().enumerate().map(entry).collect::<Vec<_>>(),
    });
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(data.to_string().as_bytes()).unwrap();
    json!({"awslogs": {"data": STANDARD.encode(packed.finish().unwrap())}})
}

/// Returns the metric line of a list request.
fn line(minutes_ago: i64) -> String {
    let time = Timestamp::now().as_millisecond() - minutes_ago * 60_000;
    json!({
        "_aws": {"Timestamp": time, "CloudWatchMetrics": [{"Namespace": "Kai"}]}, "Service": "kai", "Endpoint": LIST, "Latency": 7.5,
        "Requests": 1, "Errors": 0, "ClientErrors": 0, "DbQueries": 0, "SlowQueries": 0, "families": {"session": {"hits": 1, "misses": 0}},
    })
    .to_string()
}

#[tokio::test]
async fn the_sums_are_exactly_what_the_client_observed() {
    let app = TestApp::start_with(Setup { delivers_logs: true, environments: 3, ..Setup::default() }).await;
    let ada = app.new_user().await;
    let (mut sent, mut failed) = (BTreeMap::<&str, u64>::new(), 0);
    for round in 0..30 {
        ada.get("/api/journal/entries").await.expect_success();
        *sent.entry(LIST).or_default() += 1;
        if round % 3 == 0 {
            ada.create_entry("dear diary").await;
            *sent.entry("POST /api/journal/entries").or_default() += 1;
        }
        if round % 5 == 0 {
            ada.get("/api/journal/entries?page=0").await.expect_problem(422, "invalid_fields");
            app.anonymous().get(ada.profile_path()).await.expect_problem(401, "unauthenticated");
            *sent.entry(LIST).or_default() += 1;
            *sent.entry("GET /api/users/{user_id}/profile").or_default() += 1;
            failed += 2;
        }
    }
    send_all((0..3).map(|_| ada.get(ada.profile_path()))).await;
    *sent.entry("GET /api/users/{user_id}/profile").or_default() += 3;

    // On a busy machine, it takes longer until the cache is used.
    let mut hits = 0;
    while hits < 15 {
        hits += usize::from(ada.list_entries().await.cache_status() == "hit");
        let count = sent.entry(LIST).or_default();
        *count += 1;
        assert!(*count < 200, "the cache was not used");
    }

    let performance = app.performance("5m").await;
    let counts: BTreeMap<_, _> = performance["endpoints"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, sums)| (name.as_str(), sums["count"].as_u64().unwrap()))
        .collect();
    assert_eq!(counts, sent);
    assert_eq!(performance["count"], sent.values().sum::<u64>());
    let documents: Vec<_> = app.metrics().into_iter().filter(|document| document.get("Endpoint").is_some()).collect();
    let lists = || documents.iter().filter(|document| document["Endpoint"] == LIST);
    let latencies: Vec<_> = lists().map(|document| document["Latency"].as_f64().unwrap()).collect();
    let list = &performance["endpoints"][LIST];
    let close = |seconds: &Value, milliseconds: f64| (seconds.as_f64().unwrap() - milliseconds / 1e3).abs() < 2e-6;
    assert!(close(&list["min_time"], latencies.iter().copied().fold(f64::MAX, f64::min)), "{list}");
    assert!(close(&list["max_time"], latencies.iter().copied().fold(0.0, f64::max)), "{list}");
    assert!(close(&list["avg_time"], latencies.iter().sum::<f64>() / latencies.len() as f64), "{list}");
    assert_eq!(documents.iter().map(|document| document["ClientErrors"].as_u64().unwrap()).sum::<u64>(), failed);
    assert_eq!(performance["error_rate"], 0.0, "client errors do not count as errors");

    let sum = |name: &str| documents.iter().map(|document| document[name].as_u64().unwrap()).sum::<u64>();
    let families = performance["cache"]["families"].as_object().unwrap();
    let all = |name: &str| families.values().map(|family| family[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((all("hits"), all("misses")), (sum("CacheHits"), sum("CacheMisses")));
    assert!(families["journal:list"]["hits"].as_u64() >= Some(15), "{families:?}");
    // By now, the first request for the statistics has been counted too.
    let again = app.performance("5m").await;
    assert_eq!(again["endpoints"]["GET /health/detailed"]["count"], 1);
    assert_eq!(again["endpoints"][LIST]["count"], list["count"]);
}

#[tokio::test]
async fn a_batch_that_is_delivered_again_counts_once_and_is_reported() {
    let app = TestApp::start().await;
    let event = event("a", &[line(0), line(0), line(2), "END RequestId: 7".to_owned()]);
    let first = app.invoke("metrics-rollup", &event).await.unwrap();
    assert_eq!(first, json!({"folded": 3, "skipped": 1, "repeated": false}));
    for _ in 0..2 {
        assert_eq!(app.invoke("metrics-rollup", &event).await.unwrap()["repeated"], true);
    }
    let performance = app.performance("5m").await;
    assert_eq!((&performance["count"], &performance["cache"]["families"]["session"]["hits"]), (&json!(3), &json!(3)));
    // The metrics that CloudWatch receives also count once.
    let sum = |name: &str| app.metrics().iter().filter_map(|line| line.get(name)?.as_u64()).sum::<u64>();
    assert_eq!((sum("FamilyHits"), sum("LinesFolded"), sum("LinesSkipped"), sum("BatchesRepeated")), (3, 3, 3, 2));
}

#[tokio::test]
async fn late_truncated_unknown_and_empty_batches_keep_the_totals_correct() {
    let app = TestApp::start().await;
    let late = event("late", &[line(50)]);
    assert_eq!(app.invoke("metrics-rollup", &late).await.unwrap()["folded"], 1);
    let truncated = event("truncated", &[line(0)[..90].to_owned()]);
    let unknown = event("unknown", &[line(0).replace("\"Kai\"", "\"Other\""), "{}".to_owned()]);
    let empty = event("empty", &[]);
    for (event, skipped) in [(truncated, 1), (unknown, 2), (empty, 0)] {
        let outcome = app.invoke("metrics-rollup", &event).await.unwrap();
        assert_eq!(outcome, json!({"folded": 0, "skipped": skipped, "repeated": false}));
    }
    // A truncated event is an error, so that Lambda retries it.
    let mut whole = event("whole", &[line(0)]);
    let data = whole["awslogs"]["data"].as_str().unwrap();
    let truncated = data[..data.len() / 8 * 4].to_owned();
    let packed = mem::replace(&mut whole["awslogs"]["data"], truncated.into());
    let error = app.invoke("metrics-rollup", &whole).await.unwrap_err().to_string();
    assert!(error.contains("internal error") && !error.contains("Latency"), "{error}");
    assert_eq!(app.performance("1m").await["count"], 0);
    assert_eq!(app.performance("1h").await["endpoints"][LIST]["count"], 1);
    whole["awslogs"]["data"] = packed;
    assert_eq!(app.invoke("metrics-rollup", &whole).await.unwrap()["folded"], 1);
    assert_eq!(app.performance("1h").await["endpoints"][LIST]["count"], 2);
}

#[tokio::test]
async fn retried_batches_are_added_and_those_that_fail_again_are_reported() {
    let app = TestApp::start().await;
    let message = |id: &str, body: String| json!({"messageId": id, "body": body, "eventSource": "aws:sqs"});
    let failed = |event: Value| {
        json!({"requestPayload": event, "requestContext": {"condition": "RetriesExhausted"}}).to_string()
    };
    let records = [
        message("good", failed(event("a", &[line(0)]))),
        message("unreadable", failed(json!({"awslogs": {"data": "cut"}}))),
        message("unknown", "{}".to_owned()),
        message("good too", failed(event("b", &[line(0)]))),
    ];
    let outcome = app.invoke("metrics-rollup", &json!({"Records": records})).await.unwrap();
    assert_eq!(
        outcome,
        json!({"batchItemFailures": [{"itemIdentifier": "unreadable"}, {"itemIdentifier": "unknown"}]})
    );
    assert_eq!(app.performance("5m").await["endpoints"][LIST]["count"], 2);
}

#[tokio::test]
async fn without_the_table_batches_stay_in_the_queue_and_clients_see_no_error() {
    let unavailable = vec![("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9".to_owned())];
    let app = TestApp::start_with(Setup { variables: unavailable, ..Setup::default() }).await;
    let error = app.invoke("metrics-rollup", &event("a", &[line(0)])).await.unwrap_err().to_string();
    assert!(error.contains("unavailable: BatchGetItem: no connection"), "{error}");
    let message = json!({"messageId": "1", "body": json!({"requestPayload": event("a", &[line(0)])}).to_string()});
    let outcome = app.invoke("metrics-rollup", &json!({"Records": [message]})).await.unwrap();
    assert_eq!(outcome, json!({"batchItemFailures": [{"itemIdentifier": "1"}]}));
    let health = app.anonymous().get("/health/detailed").await;
    assert_eq!((health.status, &health.expect_success()["performance"]), (200, &Value::Null));
    for warning in ["could not aggregate a batch of log lines", "could not read the request statistics"] {
        assert!(app.logs.lines().iter().any(|line| line.text.contains(warning)), "{warning}");
    }
}

#[tokio::test]
async fn the_sample_events_are_handled() {
    let app = start().await;
    let success = app.invoke("metrics-rollup", &events::read("metrics-rollup", "success")).await.unwrap();
    // Depending on the date, the lines are older than the retention and therefore skipped.
    assert_eq!(success["folded"].as_u64().unwrap() + success["skipped"].as_u64().unwrap(), 3);
    let retry = app.invoke("metrics-rollup", &events::read("metrics-rollup", "retry")).await.unwrap();
    assert_eq!(retry, json!({"batchItemFailures": []}));
}

#[test]
fn every_measured_function_has_a_log_subscription() {
    let template = template();
    let rollup = template.function("metrics-rollup").unwrap();
    for function in
        template.functions.iter().filter(|function| !function.routes.is_empty() || !function.schedules.is_empty())
    {
        let subscribed = rollup.subscriptions.iter().any(|subscription| subscription.log_group == function.log_group);
        assert!(
            subscribed,
            "{}: template.yaml: MetricsRollupFunction has no event for {}",
            function.name, function.log_group
        );
    }
}
