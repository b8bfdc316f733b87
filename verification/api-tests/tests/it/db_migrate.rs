//! Tests of `db-migrate`, which migrates the schema up or down.

use std::mem;
use std::sync::{Arc, Mutex};

use api_tests::stub_server::{self, Request};
use api_tests::{PostgresChoice, Setup, TestApp};
use serde_json::{Value, json};

use super::events;

const TABLES: [&str; 8] = [
    "cache_outbox",
    "conversations",
    "idempotency_keys",
    "journal_entries",
    "messages",
    "sessions",
    "user_profiles",
    "users",
];

/// Starts a system with an empty database.
async fn start() -> TestApp {
    TestApp::start_with(Setup { postgres: PostgresChoice::Empty, ..Setup::default() }).await
}

/// Returns the names of the tables in the database.
async fn tables(app: &TestApp) -> Vec<String> {
    let sql = "SELECT table_name::text FROM information_schema.tables
        WHERE table_schema = 'public' AND table_name NOT LIKE '\\_%' ORDER BY 1";
    app.query(sql, &[]).await.iter().map(|row| row.get(0)).collect()
}

/// Runs `db-migrate` in a direction. Returns whether each migration is applied.
async fn migrate(app: &TestApp, direction: &str) -> Vec<bool> {
    let outcome = app.invoke("db-migrate", &json!({"direction": direction})).await.unwrap();
    let migrations = outcome["migrations"].as_array().unwrap();
    assert_eq!(migrations[0]["version"], 1, "{outcome}");
    migrations.iter().map(|migration| migration["applied"].as_bool().unwrap()).collect()
}

fn all(applied: &[bool]) -> bool {
    applied.iter().all(|applied| *applied)
}

fn none(applied: &[bool]) -> bool {
    applied.iter().all(|applied| !applied)
}

#[tokio::test]
async fn the_schema_migrates_up_down_and_up_again() {
    let app = start().await;
    assert!(none(&migrate(&app, "status").await));
    assert_eq!(tables(&app).await, Vec::<String>::new());
    assert!(all(&migrate(&app, "up").await));
    assert!(all(&migrate(&app, "up").await), "migrating up again changes nothing");
    assert_eq!(tables(&app).await, TABLES);
    let ada = app.register_and_login().await;
    ada.create_entry("it works").await;
    // Each run reverts one migration, the newest one first.
    for left in (0..migrate(&app, "status").await.len()).rev() {
        let applied = migrate(&app, "down").await;
        assert!(all(&applied[..left]) && none(&applied[left..]), "{left}: {applied:?}");
    }
    assert_eq!(tables(&app).await, Vec::<String>::new());
    let left =
        "SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'public'";
    assert_eq!(app.query_scalar::<i64>(left, &[]).await, 0, "functions are left");
    assert!(none(&migrate(&app, "down").await), "no migration is left to revert");
    assert!(all(&migrate(&app, "up").await));
    app.register_and_login().await.create_entry("it works again").await;
}

#[tokio::test]
async fn a_newer_schema_stays_unchanged_so_that_a_stack_can_roll_back() {
    let app = start().await;
    let known = migrate(&app, "up").await;
    app.query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (9999, 'of a newer release', true, '', 0)",
        &[],
    )
    .await;
    assert_eq!(migrate(&app, "up").await, known);
    let error = app.invoke("db-migrate", &json!({"direction": "down"})).await.unwrap_err();
    assert!(error.to_string().contains("migration 9999 is of a newer release"), "{error}");
    assert_eq!(migrate(&app, "status").await, known);
}

#[tokio::test]
async fn the_database_sets_timeouts_for_every_connection() {
    let app = start().await;
    migrate(&app, "up").await;
    for (setting, expected) in
        [("statement_timeout", "5s"), ("lock_timeout", "2s"), ("idle_in_transaction_session_timeout", "5s")]
    {
        assert_eq!(app.query_scalar::<String>(&format!("SHOW {setting}"), &[]).await, expected, "{setting}");
    }
}

#[tokio::test]
async fn an_invalid_event_is_an_error_and_changes_nothing() {
    let app = start().await;
    for event in [json!({}), json!({"direction": "sideways"}), json!([]), json!(null)] {
        assert!(app.invoke("db-migrate", &event).await.is_err(), "{event}");
    }
    assert_eq!(tables(&app).await, Vec::<String>::new());
}

/// A stub of the pre-signed S3 URL to which a custom resource sends its result.
struct ResultBucket {
    url: String,
    received: Arc<Mutex<Vec<Request>>>,
}

impl ResultBucket {
    fn start() -> Self {
        let received = Arc::<Mutex<Vec<Request>>>::default();
        let requests = Arc::clone(&received);
        let url = stub_server::start(move |request| {
            requests.lock().unwrap().push(request.clone());
            Some((200, "", String::new()))
        });
        Self { url: format!("{url}/stack?X-Amz-Signature=a-signature"), received }
    }

    fn event(&self, case: &str) -> Value {
        let mut event = events::read("db-migrate", case);
        event["ResponseURL"] = json!(self.url);
        event
    }

    /// Returns the only result that was received since the last call.
    fn take_result(&self, event: &Value) -> Value {
        let received = mem::take(&mut *self.received.lock().unwrap());
        let [Request { head, body }] = received.as_slice() else { panic!("{received:?}") };
        let (head, result) = (head.to_lowercase(), serde_json::from_str::<Value>(body).unwrap());
        assert!(head.starts_with("put /stack?x-amz-signature=a-signature "), "{head}");
        assert!(head.contains("content-length: "), "S3 rejects a chunked body: {head}");
        let content_type = head.lines().find_map(|line| line.strip_prefix("content-type:")).unwrap_or_default();
        assert_eq!(content_type.trim(), "", "the URL is signed for an empty content type");
        for member in ["StackId", "RequestId", "LogicalResourceId"] {
            assert_eq!(result[member], event[member], "{result}");
        }
        assert_eq!(result["PhysicalResourceId"], "kai-migrations");
        result
    }
}

#[tokio::test]
async fn an_invalid_configuration_is_reported_to_the_stack_which_can_still_be_deleted() {
    let secrets = stub_server::start(|_| {
        Some((400, "application/x-amz-json-1.1", json!({"__type": "ResourceNotFoundException"}).to_string()))
    });
    let variables = vec![
        ("DATABASE_URL", String::new()),
        ("SECRET_ID", "gone".to_owned()),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets),
    ];
    let app = TestApp::start_with(Setup { postgres: PostgresChoice::Empty, variables, ..Setup::default() }).await;
    let bucket = ResultBucket::start();
    let create = bucket.event("custom-resource-create");
    assert!(app.invoke("db-migrate", &create).await.is_err());
    let result = bucket.take_result(&create);
    assert_eq!(result["Status"], "FAILED");
    let reason = result["Reason"].as_str().unwrap();
    assert!(reason.contains("SECRET_ID: Secrets Manager rejected the request: ResourceNotFoundException"), "{reason}");
    let delete = bucket.event("custom-resource-delete");
    app.invoke("db-migrate", &delete).await.unwrap();
    assert_eq!(bucket.take_result(&delete)["Status"], "SUCCESS");
}

#[tokio::test]
async fn a_custom_resource_migrates_on_creation_and_retains_the_data_on_deletion() {
    let (app, bucket) = (start().await, ResultBucket::start());
    let create = bucket.event("custom-resource-create");
    app.invoke("db-migrate", &create).await.unwrap();
    assert_eq!(bucket.take_result(&create)["Status"], "SUCCESS");
    assert_eq!(tables(&app).await, TABLES);
    let ada = app.register_and_login().await;
    ada.create_entry("outlives the stack").await;
    for case in ["custom-resource-update", "custom-resource-delete"] {
        let event = bucket.event(case);
        app.invoke("db-migrate", &event).await.unwrap();
        assert_eq!(bucket.take_result(&event)["Status"], "SUCCESS", "{case}");
        assert_eq!(ada.list_entries().await.json()["total"], 1, "{case}");
    }
}

#[tokio::test]
async fn a_failure_is_reported_to_the_stack_without_any_secret() {
    let bucket = ResultBucket::start();
    let nowhere = "postgres://kai:a-secret-password@127.0.0.1:1/kai".to_owned();
    let setup = Setup { variables: vec![("DATABASE_URL", nowhere)], ..Setup::default() };
    let app = TestApp::start_with(setup).await;
    let create = bucket.event("custom-resource-create");
    let error = app.invoke("db-migrate", &create).await.unwrap_err();
    let result = bucket.take_result(&create);
    assert_eq!(result["Status"], "FAILED");
    assert!(result["Reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{result}");
    let logs: String = app.logs.lines().into_iter().map(|line| line.text + "\n").collect();
    for secret in ["a-secret-password", "a-signature"] {
        assert!(!result.to_string().contains(secret) && !logs.contains(secret) && !error.to_string().contains(secret));
    }
    assert!(logs.contains("\"level\":\"ERROR\""), "{logs}");
}

#[tokio::test]
async fn deleting_a_stack_whose_database_is_gone_succeeds() {
    let bucket = ResultBucket::start();
    let nowhere = "postgres://kai:a-secret-password@127.0.0.1:1/kai".to_owned();
    let app = TestApp::start_with(Setup { variables: vec![("DATABASE_URL", nowhere)], ..Setup::default() }).await;
    let delete = bucket.event("custom-resource-delete");
    // The invocation may fail, but the stack must not wait for a database that no longer exists.
    let _ = app.invoke("db-migrate", &delete).await;
    assert_eq!(bucket.take_result(&delete)["Status"], "SUCCESS");
}
