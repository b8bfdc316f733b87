//! The metric lines: what CloudWatch would make of them.

use std::collections::BTreeSet;

use api_tests::{Kai, RedisChoice, Setup};
use serde_json::{Value, json};

/// The rules of the embedded metric format's specification, and ours: a directive for each set of dimensions.
#[track_caller]
fn assert_valid(document: &Value) {
    let metadata = &document["_aws"];
    assert!(metadata["Timestamp"].as_i64().is_some_and(|time| time > 1_700_000_000_000), "{document}");
    let directives = metadata["CloudWatchMetrics"].as_array().unwrap();
    let dimensions: Vec<_> = directives.iter().map(|directive| directive["Dimensions"].clone()).collect();
    assert_eq!(dimensions, [json!([["Service", "Endpoint"], ["Service"]]), json!([["Service"]])]);
    assert_eq!(document["Service"], "kai");
    assert!(
        document["Endpoint"].as_str().is_some_and(|name| !name.is_empty() && name.len() <= 1024 && name.is_ascii())
    );
    assert!(directives.iter().all(|directive| directive["Namespace"] == "Kai"));
    let metrics: Vec<_> = directives.iter().flat_map(|directive| directive["Metrics"].as_array().unwrap()).collect();
    assert!((1..=100).contains(&metrics.len()));
    let names: BTreeSet<_> = metrics.iter().map(|metric| metric["Name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), metrics.len(), "a metric twice");
    for metric in metrics {
        let name = metric["Name"].as_str().unwrap();
        assert!(document[name].as_f64().is_some_and(f64::is_finite), "{name} in {document}");
        assert!(["Milliseconds", "Count", "Bytes"].contains(&metric["Unit"].as_str().unwrap()), "{metric}");
    }
}

fn sum(documents: &[&Value], metric: &str) -> u64 {
    documents.iter().map(|document| document[metric].as_u64().unwrap()).sum()
}

#[tokio::test]
async fn the_documents_are_valid_and_add_up_to_what_the_client_saw() {
    let kai = Kai::start_with(Setup { redis: RedisChoice::Own, ..Setup::default() }).await;
    let ada = kai.settle().await;
    let mut replies = Vec::new();
    for round in 0..10 {
        let paths = ["/api/journal/entries".to_owned(), "/api/journal/entries?page=0".to_owned(), ada.profile_path()];
        for path in paths {
            replies
                .push(ada.get(path).header("accept-encoding", if round % 2 == 0 { "gzip" } else { "identity" }).await);
        }
        replies.push(kai.anonymous().get("/api/journal/entries").await);
        replies.push(
            ada.post("/api/journal/entries", &json!({"content": "long enough to be compressed ".repeat(30)})).await,
        );
    }
    let documents = kai.metrics();
    assert_eq!(documents.len(), replies.len());
    documents.iter().for_each(assert_valid);

    let endpoints: BTreeSet<_> = documents.iter().map(|document| document["Endpoint"].as_str().unwrap()).collect();
    let expected = ["GET /api/journal/entries", "GET /api/users/{user_id}/profile", "POST /api/journal/entries"];
    assert_eq!(endpoints, BTreeSet::from(expected));
    let lists: Vec<_> = documents.iter().filter(|document| document["Endpoint"] == expected[0]).collect();
    assert_eq!((sum(&lists, "Requests"), sum(&lists, "ClientErrors"), sum(&lists, "Errors")), (30, 20, 0));
    for reply in &replies {
        let document = kai.metrics_of(reply);
        assert_eq!(document["ResponseBytes"], reply.body.len());
        assert_eq!(document["ClientErrors"], u64::from((400..500).contains(&reply.status)));
        assert_eq!(document["cache"].as_str(), reply.header("x-cache"));
        let data_hits = u64::from(reply.header("x-cache") == Some("hit"));
        assert!(document["CacheHits"].as_u64() >= Some(data_hits));
    }
    // What the cache answered whole cost no query, and everything else did.
    let reads = documents.iter().filter(|document| document["cache"].is_string());
    for document in reads {
        let cached = document["CacheHits"] == 2;
        assert_eq!(document["DbQueries"] == 0, cached, "{document}");
    }
    let profiles = documents.iter().filter(|document| document["Endpoint"] == expected[1]);
    assert!(profiles.filter(|document| document["cache"] == "hit").count() >= 3, "the cache took no part");
    // One environment of each function was started for this one caller.
    let cold: Vec<_> = documents.iter().filter(|document| document["ColdStart"] == 1).collect();
    assert_eq!(cold.len(), endpoints.len());
}

#[tokio::test]
async fn no_dimension_and_no_value_of_a_document_names_a_user() {
    let kai = Kai::start().await;
    let ada = kai.settle().await;
    ada.get(ada.profile_path()).await.good();
    ada.get(format!("/api/journal/entries?user_id={}", ada.id)).await.good();
    ada.write("dear diary").await;
    let documents = kai.metrics();
    assert_eq!(documents.len(), 3);
    for document in documents {
        let text = document.to_string();
        for absent in [ada.id.to_string(), ada.id.simple().to_string(), ada.email.clone(), "diary".to_owned()] {
            assert!(!text.contains(&absent), "{text}");
        }
    }
}

#[tokio::test]
async fn every_line_of_a_function_is_one_json_object_also_under_load() {
    let kai = Kai::start_with(Setup { concurrency: Some(8), environments: 1, ..Setup::default() }).await;
    let ada = kai.settle().await;
    ada.list().await;
    for _ in 0..8 {
        futures_util::future::join_all((0..8).map(|_| ada.list())).await;
    }
    kai.settled().await;
    let lines = kai.logs.lines();
    let written: Vec<_> = lines.iter().filter(|line| line.stream != emulator::Stream::Platform).collect();
    assert!(written.len() >= 64);
    for line in written {
        assert!(serde_json::from_str::<Value>(&line.text).is_ok_and(|value| value.is_object()), "{line:?}");
    }
}
