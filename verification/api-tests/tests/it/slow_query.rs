//! The warning about a slow query. It identifies the statement, the request and the data, but
//! contains no user text.

use api_tests::{Setup, TestApp};
use serde_json::{Value, json};

/// Starts a system with this threshold, in seconds.
async fn start(threshold: &str) -> TestApp {
    let variables = vec![("SLOW_QUERY_THRESHOLD", threshold.to_owned())];
    TestApp::start_with(Setup { variables, ..Setup::default() }).await
}

#[tokio::test]
async fn a_slow_query_warning_contains_statement_request_and_ids_but_no_value() {
    let app = start("0.000001").await;
    let ada = app.new_user().await;
    for content in ["a heron on the canal", "another heron"] {
        ada.post("/api/journal/entries", &json!({"content": content})).await.expect_success();
    }
    let response = ada.get("/api/journal/entries?search=heron&page_size=7").await;
    assert_eq!(response.expect_success()["total"], 2);
    app.wait_until_idle().await;

    let warnings = app.log_records("slow query");
    let is_of_request = |warning: &&Value| warning["request_id"] == response.header("x-request-id").unwrap();
    let warning = warnings.iter().find(is_of_request).expect("a warning contains the id of the request");
    assert_eq!(warning["level"], "WARN");
    assert_eq!(warning["statement"], "journal.filtered");
    assert_eq!(warning["endpoint"], "GET /api/journal/entries");
    assert!(warning["function"].as_str().is_some_and(|name| name.contains("JournalList")), "{warning}");
    assert_eq!(warning["rows"], 2);
    assert!(warning["duration_ms"].is_u64() && warning.get("error").is_none(), "{warning}");
    assert_eq!(warning["ids"], ada.id.to_string());
    let sql = warning["sql"].as_str().unwrap();
    assert!(sql.starts_with("WITH session AS MATERIALIZED ( SELECT s.id") && sql.ends_with("ON true"), "{sql}");
    assert!(sql.contains("websearch_to_tsquery('english', $8)") && !sql.contains("  ") && !sql.contains('\n'), "{sql}");

    let create = warnings
        .iter()
        .find(|warning| warning["statement"] == "journal.create")
        .expect("the statement is reported as slow");
    assert_eq!((&create["rows"], &create["endpoint"]), (&json!(1), &json!("POST /api/journal/entries")));
    for warning in &warnings {
        let text = warning.to_string();
        for private in ["heron", "canal", &ada.token, &ada.email] {
            assert!(!text.contains(private), "{private} in {text}");
        }
    }
}

#[tokio::test]
async fn a_slow_query_that_fails_is_logged_with_its_error_instead_of_its_rows() {
    let app = start("0.000001").await;
    let ada = app.new_user().await;
    app.query("ALTER TABLE journal_entries ADD CONSTRAINT defect CHECK (content NOT LIKE 'heron%')", &[]).await;
    let response = ada.post("/api/journal/entries", &json!({"content": "heron"})).await;
    response.expect_problem(500, "internal");
    app.wait_until_idle().await;
    let warnings = app.log_records("slow query");
    let warning = warnings
        .iter()
        .find(|warning| warning["statement"] == "journal.create")
        .expect("the statement is reported as slow");
    assert!(warning["error"].as_str().is_some_and(|error| error.contains("23514")), "{warning}");
    assert!(warning.get("rows").is_none() && !warning.to_string().contains("heron"), "{warning}");
}

#[tokio::test]
async fn a_query_below_the_threshold_is_not_logged() {
    let app = start("3600").await;
    let ada = app.new_user().await;
    ada.get("/api/journal/entries").await.expect_success();
    app.wait_until_idle().await;
    assert_eq!(app.log_records("slow query"), Vec::<Value>::new());
}
