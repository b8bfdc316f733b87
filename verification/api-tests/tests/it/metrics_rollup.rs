//! `metrics-rollup`: what the functions print is summed up, once.

use std::collections::BTreeMap;
use std::io::Write as _;

use api_tests::{Setup, TestApp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::events;

const LIST: &str = "GET /api/journal/entries";

async fn start() -> TestApp {
    TestApp::start_with(Setup { delivers_logs: true, ..Setup::default() }).await
}

/// What CloudWatch Logs sends of these lines; the name makes their ids.
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

/// The line of a request to the list.
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
    futures_util::future::join_all((0..3).map(|_| ada.get(ada.profile_path()).into_future())).await;
    *sent.entry("GET /api/users/{user_id}/profile").or_default() += 3;

    let told = app.performance("5m").await;
    let counts: BTreeMap<_, _> = told["endpoints"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, sums)| (name.as_str(), sums["count"].as_u64().unwrap()))
        .collect();
    assert_eq!(counts, sent);
    assert_eq!(told["count"], sent.values().sum::<u64>());
    let documents: Vec<_> = app.metrics().into_iter().filter(|document| document.get("Endpoint").is_some()).collect();
    let of_list = || documents.iter().filter(|document| document["Endpoint"] == LIST);
    let latencies: Vec<_> = of_list().map(|document| document["Latency"].as_f64().unwrap()).collect();
    let list = &told["endpoints"][LIST];
    let close = |told: &Value, milliseconds: f64| (told.as_f64().unwrap() - milliseconds / 1e3).abs() < 2e-6;
    assert!(close(&list["min_time"], latencies.iter().copied().fold(f64::MAX, f64::min)), "{list}");
    assert!(close(&list["max_time"], latencies.iter().copied().fold(0.0, f64::max)), "{list}");
    assert!(close(&list["avg_time"], latencies.iter().sum::<f64>() / latencies.len() as f64), "{list}");
    assert_eq!(documents.iter().map(|document| document["ClientErrors"].as_u64().unwrap()).sum::<u64>(), failed);
    assert_eq!(told["error_rate"], 0.0, "what a client does wrong is no error of ours");

    let sum = |name: &str| documents.iter().map(|document| document[name].as_u64().unwrap()).sum::<u64>();
    let families = told["cache"]["families"].as_object().unwrap();
    let all = |name: &str| families.values().map(|family| family[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((all("hits"), all("misses")), (sum("CacheHits"), sum("CacheMisses")));
    assert!(families["journal:list"]["hits"].as_u64() >= Some(15), "{families:?}");
    // By then the first request for the figures has been counted too.
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
    let told = app.performance("5m").await;
    assert_eq!((&told["count"], &told["cache"]["families"]["session"]["hits"]), (&json!(3), &json!(3)));
    // What CloudWatch is told of it counts once too.
    let sum = |name: &str| app.metrics().iter().filter_map(|line| line.get(name)?.as_u64()).sum::<u64>();
    assert_eq!((sum("FamilyHits"), sum("LinesFolded"), sum("LinesSkipped"), sum("BatchesRepeated")), (3, 3, 3, 2));
}

#[tokio::test]
async fn late_truncated_unknown_and_empty_batches_keep_the_totals_correct() {
    let app = TestApp::start().await;
    let late = event("late", &[line(50)]);
    assert_eq!(app.invoke("metrics-rollup", &late).await.unwrap()["folded"], 1);
    let cut = event("cut", &[line(0)[..90].to_owned()]);
    let foreign = event("foreign", &[line(0).replace("\"Kai\"", "\"Other\""), "{}".to_owned()]);
    let empty = event("empty", &[]);
    for (event, skipped) in [(cut, 1), (foreign, 2), (empty, 0)] {
        let done = app.invoke("metrics-rollup", &event).await.unwrap();
        assert_eq!(done, json!({"folded": 0, "skipped": skipped, "repeated": false}));
    }
    // A batch that is itself cut off is an error: it is tried again, and kept.
    let mut whole = event("whole", &[line(0)]);
    let data = whole["awslogs"]["data"].as_str().unwrap();
    let half = data[..data.len() / 8 * 4].to_owned();
    let packed = std::mem::replace(&mut whole["awslogs"]["data"], half.into());
    let error = app.invoke("metrics-rollup", &whole).await.unwrap_err().to_string();
    assert!(error.contains("internal error") && !error.contains("Latency"), "{error}");
    assert_eq!(app.performance("1m").await["count"], 0);
    assert_eq!(app.performance("1h").await["endpoints"][LIST]["count"], 1);
    whole["awslogs"]["data"] = packed;
    assert_eq!(app.invoke("metrics-rollup", &whole).await.unwrap()["folded"], 1);
    assert_eq!(app.performance("1h").await["endpoints"][LIST]["count"], 2);
}

#[tokio::test]
async fn retried_batches_are_added_and_those_that_fail_again_are_named() {
    let app = TestApp::start().await;
    let message = |id: &str, body: String| json!({"messageId": id, "body": body, "eventSource": "aws:sqs"});
    let failed = |event: Value| {
        json!({"requestPayload": event, "requestContext": {"condition": "RetriesExhausted"}}).to_string()
    };
    let records = [
        message("good", failed(event("a", &[line(0)]))),
        message("unreadable", failed(json!({"awslogs": {"data": "cut"}}))),
        message("foreign", "{}".to_owned()),
        message("good too", failed(event("b", &[line(0)]))),
    ];
    let done = app.invoke("metrics-rollup", &json!({"Records": records})).await.unwrap();
    assert_eq!(done, json!({"batchItemFailures": [{"itemIdentifier": "unreadable"}, {"itemIdentifier": "foreign"}]}));
    assert_eq!(app.performance("5m").await["endpoints"][LIST]["count"], 2);
}

#[tokio::test]
async fn without_the_table_batches_stay_in_the_queue_and_clients_see_no_error() {
    let away = vec![("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9".to_owned())];
    let app = TestApp::start_with(Setup { variables: away, ..Setup::default() }).await;
    let error = app.invoke("metrics-rollup", &event("a", &[line(0)])).await.unwrap_err().to_string();
    assert!(error.contains("unavailable: BatchGetItem: no connection"), "{error}");
    let message = json!({"messageId": "1", "body": json!({"requestPayload": event("a", &[line(0)])}).to_string()});
    let done = app.invoke("metrics-rollup", &json!({"Records": [message]})).await.unwrap();
    assert_eq!(done, json!({"batchItemFailures": [{"itemIdentifier": "1"}]}));
    let health = app.anonymous().get("/health/detailed").await;
    assert_eq!((health.status, &health.expect_success()["performance"]), (200, &Value::Null));
    for warning in ["a batch of log lines has failed again", "the table of requests cannot be read"] {
        assert!(app.logs.lines().iter().any(|line| line.text.contains(warning)), "{warning}");
    }
}

#[tokio::test]
async fn the_sample_events_are_handled() {
    let app = start().await;
    let success = app.invoke("metrics-rollup", &events::read("metrics-rollup", "success")).await.unwrap();
    // They are of another day, and what would have expired is not counted.
    assert_eq!(success["folded"].as_u64().unwrap() + success["skipped"].as_u64().unwrap(), 3);
    let retry = app.invoke("metrics-rollup", &events::read("metrics-rollup", "retry")).await.unwrap();
    assert_eq!(retry, json!({"batchItemFailures": []}));
}

#[test]
fn every_measured_function_has_a_log_subscription() {
    let template = api_tests::template();
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
