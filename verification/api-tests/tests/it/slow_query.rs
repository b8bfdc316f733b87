//! The warning about a slow query: enough to find the statement, the request and the data, and nothing that a person wrote.

use api_tests::{Kai, Setup};
use serde_json::{Value, json};

async fn start(threshold: &str) -> Kai {
    let variables = vec![("SLOW_QUERY_THRESHOLD", threshold.to_owned())];
    Kai::start_with(Setup { variables, ..Setup::default() }).await
}

fn warnings(kai: &Kai) -> Vec<Value> {
    let lines = kai.logs.lines();
    let lines = lines.iter().filter(|line| line.text.contains("slow query"));
    lines.map(|line| serde_json::from_str(&line.text).unwrap_or_else(|error| panic!("{error}: {line:?}"))).collect()
}

#[tokio::test]
async fn a_slow_query_names_its_statement_its_request_and_its_ids_and_quotes_no_value() {
    let kai = start("0.000001").await;
    let ada = kai.settle().await;
    for content in ["a heron on the canal", "another heron"] {
        ada.post("/api/journal/entries", &json!({"content": content})).await.good();
    }
    let reply = ada.get("/api/journal/entries?search=heron&page_size=7").await;
    assert_eq!(reply.good()["total"], 2);
    kai.settled().await;

    let warnings = warnings(&kai);
    let of_request = |warning: &&Value| warning["request_id"] == reply.header("x-request-id").unwrap();
    let warning = warnings.iter().find(of_request).expect("a warning with the request's id");
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

    let create = warnings.iter().find(|warning| warning["statement"] == "journal.create").expect("a warning");
    assert_eq!((&create["rows"], &create["endpoint"]), (&json!(1), &json!("POST /api/journal/entries")));
    for warning in &warnings {
        let text = warning.to_string();
        for private in ["heron", "canal", &ada.token, &ada.email] {
            assert!(!text.contains(private), "{private} in {text}");
        }
    }
}

#[tokio::test]
async fn a_query_that_fails_slowly_says_why_instead_of_how_many_rows() {
    let kai = start("0.000001").await;
    let ada = kai.settle().await;
    kai.query("ALTER TABLE journal_entries ADD CONSTRAINT defect CHECK (content NOT LIKE 'heron%')", &[]).await;
    let reply = ada.post("/api/journal/entries", &json!({"content": "heron"})).await;
    reply.expect_problem(500, "internal");
    kai.settled().await;
    let warnings = warnings(&kai);
    let warning = warnings.iter().find(|warning| warning["statement"] == "journal.create").expect("a warning");
    assert!(warning["error"].as_str().is_some_and(|error| error.contains("23514")), "{warning}");
    assert!(warning.get("rows").is_none() && !warning.to_string().contains("heron"), "{warning}");
}

#[tokio::test]
async fn a_query_below_the_threshold_is_not_logged() {
    let kai = start("3600").await;
    let ada = kai.settle().await;
    ada.get("/api/journal/entries").await.good();
    kai.settled().await;
    assert_eq!(warnings(&kai), Vec::<Value>::new());
}
