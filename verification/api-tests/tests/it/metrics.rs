//! The metric lines, and the metrics that CloudWatch derives from them. The harness checks the
//! format of each line.

use std::collections::BTreeSet;

use api_tests::{RedisChoice, Setup, StubModel, TestApp, emf};
use serde_json::{Value, json};

fn sum(documents: &[&Value], metric: &str) -> u64 {
    documents.iter().map(|document| document[metric].as_u64().unwrap()).sum()
}

#[tokio::test]
async fn the_metric_lines_add_up_to_what_the_client_observed() {
    let app = TestApp::start_with(Setup { redis: RedisChoice::Own, ..Setup::default() }).await;
    let ada = app.new_user().await;
    let mut responses = Vec::new();
    for round in 0..10 {
        let paths = ["/api/journal/entries".to_owned(), "/api/journal/entries?page=0".to_owned(), ada.profile_path()];
        for path in paths {
            responses
                .push(ada.get(path).header("accept-encoding", if round % 2 == 0 { "gzip" } else { "identity" }).await);
        }
        responses.push(app.anonymous().get("/api/journal/entries").await);
        responses.push(
            ada.post("/api/journal/entries", &json!({"content": "long enough to be compressed ".repeat(30)})).await,
        );
    }
    // On a busy machine, it takes longer until the cache is used.
    let mut hits = 0;
    while hits < 3 {
        let profile = ada.get(ada.profile_path()).await;
        hits += usize::from(profile.cache_status() == "hit");
        responses.push(profile);
        assert!(responses.len() < 200, "the cache was not used");
    }
    let documents = app.metrics();
    assert_eq!(documents.len(), responses.len());

    let endpoints: BTreeSet<_> = documents.iter().map(|document| document["Endpoint"].as_str().unwrap()).collect();
    let expected = ["GET /api/journal/entries", "GET /api/users/{user_id}/profile", "POST /api/journal/entries"];
    assert_eq!(endpoints, BTreeSet::from(expected));
    let lists: Vec<_> = documents.iter().filter(|document| document["Endpoint"] == expected[0]).collect();
    assert_eq!((sum(&lists, "Requests"), sum(&lists, "ClientErrors"), sum(&lists, "Errors")), (30, 20, 0));
    for response in &responses {
        let document = app.metrics_of(response);
        assert_eq!(document["ResponseBytes"], response.body.len());
        assert_eq!(document["ClientErrors"], u64::from((400..500).contains(&response.status)));
        assert_eq!(document["cache"].as_str(), response.header("x-cache"));
        let data_hits = u64::from(response.header("x-cache") == Some("hit"));
        assert!(document["CacheHits"].as_u64() >= Some(data_hits));
    }
    // A request executes no query if and only if both of its records were cached.
    let reads = documents.iter().filter(|document| document["cache"].is_string());
    for document in reads {
        let cached = document["CacheHits"] == 2;
        assert_eq!(document["DbQueries"] == 0, cached, "{document}");
    }
    let profiles = documents.iter().filter(|document| document["Endpoint"] == expected[1]);
    assert!(profiles.filter(|document| document["cache"] == "hit").count() >= 3);
    // One environment of each function was started for this single client.
    let cold: Vec<_> = documents.iter().filter(|document| document["ColdStart"] == 1).collect();
    assert_eq!(cold.len(), endpoints.len());
}

#[tokio::test]
async fn no_metric_line_contains_a_user_id_or_user_text() {
    let app = TestApp::start().await;
    let ada = app.new_user().await;
    ada.get(ada.profile_path()).await.expect_success();
    ada.get(format!("/api/journal/entries?user_id={}", ada.id)).await.expect_success();
    ada.create_entry("dear diary").await;
    let documents = app.metrics();
    assert_eq!(documents.len(), 3);
    for document in documents {
        let text = document.to_string();
        for absent in [ada.id.to_string(), ada.id.simple().to_string(), ada.email.clone(), "diary".to_owned()] {
            assert!(!text.contains(&absent), "{text}");
        }
    }
}

#[tokio::test]
async fn every_log_line_is_one_json_object_even_under_load() {
    let app = TestApp::start_with(Setup { concurrency: Some(8), environments: 1, ..Setup::default() }).await;
    let ada = app.new_user().await;
    ada.list_entries().await;
    for _ in 0..8 {
        futures_util::future::join_all((0..8).map(|_| ada.list_entries())).await;
    }
    app.wait_until_idle().await;
    let lines = app.logs.lines();
    let written: Vec<_> = lines.iter().filter(|line| line.stream != emulator::Stream::Platform).collect();
    assert!(written.len() >= 64);
    for line in written {
        assert!(serde_json::from_str::<Value>(&line.text).is_ok_and(|value| value.is_object()), "{line:?}");
    }
}

/// Sends one request of each kind for each user, and runs the scheduled functions.
async fn generate_traffic(app: &TestApp, users: usize) {
    for number in 0..users {
        let ada = app.new_user().await;
        let entry = ada.create_entry("dear diary").await;
        ada.get(ada.profile_path()).await.expect_success();
        ada.list_entries().await;
        ada.get(format!("/api/journal/entries?tag=tag{number}&page_size={}", 1 + number % 100)).await.expect_success();
        ada.get(format!("/api/journal/entries/{}", entry["id"].as_str().unwrap())).await.expect_success();
        ada.get("/api/journal/insights").await.expect_success();
        ada.get(format!("/nowhere/{number}")).await;
        ada.post("/api/chat", &json!({"message": format!("My cat number {number} is asleep.")})).await.expect_success();
        ada.get("/api/chat/history").await.expect_success();
        ada.post("/api/auth/logout", &json!({})).await.expect_success();
    }
    app.invoke("cache-monitor", &json!({})).await.unwrap();
    app.emulator.delivered().await;
    app.wait_until_idle().await;
}

#[tokio::test]
async fn the_number_of_metrics_does_not_grow_with_the_number_of_users() {
    let model = StubModel::start();
    let setup =
        Setup { redis: RedisChoice::Own, delivers_logs: true, variables: model.variables(), ..Setup::default() };
    let app = TestApp::start_with(setup).await;
    let billed = || -> BTreeSet<emf::BilledMetric> {
        let lines = app.logs.lines();
        lines
            .iter()
            .filter(|line| emf::looks_like_emf(&line.text))
            .flat_map(|line| emf::parse(&line.text).unwrap())
            .collect()
    };
    generate_traffic(&app, 10).await;
    let of_ten_users = billed();
    generate_traffic(&app, 90).await;
    assert_eq!(billed(), of_ten_users);
    // These include the metrics of cache families, of the cache and of metrics-rollup.
    for metric in ["FamilyHits", "FamilyBytes", "CacheMemory", "LinesFolded", "LlmCalls", "Latency"] {
        assert!(of_ten_users.iter().any(|(name, _)| name == metric), "{metric}");
    }
}
