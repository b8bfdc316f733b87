//! The function that brings the schema up or down.

use std::sync::{Arc, Mutex};

use api_tests::{PostgresChoice, Setup, TestApp, stub_server};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

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

async fn start() -> TestApp {
    TestApp::start_with(Setup { postgres: PostgresChoice::Empty, ..Setup::default() }).await
}

async fn tables(app: &TestApp) -> Vec<String> {
    let sql = "SELECT table_name::text FROM information_schema.tables
        WHERE table_schema = 'public' AND table_name NOT LIKE '\\_%' ORDER BY 1";
    app.query(sql, &[]).await.iter().map(|row| row.get(0)).collect()
}

/// Migrates, and returns for each migration whether it is applied.
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
    assert!(all(&migrate(&app, "up").await), "a second time");
    assert_eq!(tables(&app).await, TABLES);
    let ada = app.register_and_login().await;
    ada.create_entry("it works").await;
    // One step at a time, the newest first.
    for left in (0..migrate(&app, "status").await.len()).rev() {
        let applied = migrate(&app, "down").await;
        assert!(all(&applied[..left]) && none(&applied[left..]), "{left}: {applied:?}");
    }
    assert_eq!(tables(&app).await, Vec::<String>::new());
    let left =
        "SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'public'";
    assert_eq!(app.query_scalar::<i64>(left, &[]).await, 0, "functions");
    assert!(none(&migrate(&app, "down").await), "there is nothing more to undo");
    assert!(all(&migrate(&app, "up").await));
    app.register_and_login().await.create_entry("it works again").await;
}

#[tokio::test]
async fn a_newer_schema_is_left_unchanged_so_that_a_stack_can_roll_back() {
    let app = start().await;
    let known = migrate(&app, "up").await;
    app.query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (9999, 'of a newer release', true, '', 0)",
        &[],
    )
    .await;
    assert_eq!(migrate(&app, "up").await, known);
    let refused = app.invoke("db-migrate", &json!({"direction": "down"})).await.unwrap_err();
    assert!(refused.to_string().contains("migration 9999 is of a newer release"), "{refused}");
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

/// Stands in for the URL that CloudFormation gives, and keeps what is delivered there.
struct Bucket {
    url: String,
    delivered: Arc<Mutex<Vec<(String, Value)>>>,
    _server: tokio::task::JoinSet<()>,
}

impl Bucket {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/stack?X-Amz-Signature=a-signature", listener.local_addr().unwrap());
        let delivered = Arc::new(Mutex::new(Vec::new()));
        let mut server = tokio::task::JoinSet::new();
        let kept = Arc::clone(&delivered);
        server.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                let (head, body) = loop {
                    let mut buffer = [0; 4096];
                    let length = stream.read(&mut buffer).await.unwrap();
                    request.extend_from_slice(&buffer[..length]);
                    let text = String::from_utf8(request.clone()).unwrap();
                    if let Some((head, body)) = text.split_once("\r\n\r\n")
                        && let Ok(body) = serde_json::from_str(body)
                    {
                        break (head.to_lowercase(), body);
                    }
                };
                kept.lock().unwrap().push((head, body));
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.unwrap();
            }
        });
        Self { url, delivered, _server: server }
    }

    fn event(&self, case: &str) -> Value {
        let mut event = super::events::read("db-migrate", case);
        event["ResponseURL"] = json!(self.url);
        event
    }

    /// What was delivered since the last call; exactly one answer.
    fn take(&self, event: &Value) -> Value {
        let mut delivered = std::mem::take(&mut *self.delivered.lock().unwrap());
        assert_eq!(delivered.len(), 1, "{delivered:?}");
        let (head, answer) = delivered.remove(0);
        assert!(head.starts_with("put /stack?x-amz-signature=a-signature "), "{head}");
        assert!(head.contains("content-length: "), "S3 takes no chunks: {head}");
        let content_type = head.lines().find_map(|line| line.strip_prefix("content-type:")).unwrap_or_default();
        assert_eq!(content_type.trim(), "", "the URL is signed for an empty content type");
        for member in ["StackId", "RequestId", "LogicalResourceId"] {
            assert_eq!(answer[member], event[member], "{answer}");
        }
        assert_eq!(answer["PhysicalResourceId"], "kai-migrations");
        answer
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
    let bucket = Bucket::start().await;
    let create = bucket.event("custom-resource-create");
    assert!(app.invoke("db-migrate", &create).await.is_err());
    let answer = bucket.take(&create);
    assert_eq!(answer["Status"], "FAILED");
    let reason = answer["Reason"].as_str().unwrap();
    assert!(reason.contains("SECRET_ID: Secrets Manager refuses it: ResourceNotFoundException"), "{reason}");
    let delete = bucket.event("custom-resource-delete");
    app.invoke("db-migrate", &delete).await.unwrap();
    assert_eq!(bucket.take(&delete)["Status"], "SUCCESS");
}

#[tokio::test]
async fn a_custom_resource_migrates_on_creation_and_keeps_the_data_on_deletion() {
    let (app, bucket) = (start().await, Bucket::start().await);
    let create = bucket.event("custom-resource-create");
    app.invoke("db-migrate", &create).await.unwrap();
    assert_eq!(bucket.take(&create)["Status"], "SUCCESS");
    assert_eq!(tables(&app).await, TABLES);
    let ada = app.register_and_login().await;
    ada.create_entry("outlives the stack").await;
    for case in ["custom-resource-update", "custom-resource-delete"] {
        let event = bucket.event(case);
        app.invoke("db-migrate", &event).await.unwrap();
        assert_eq!(bucket.take(&event)["Status"], "SUCCESS", "{case}");
        assert_eq!(ada.list_entries().await.json()["total"], 1, "{case}");
    }
}

#[tokio::test]
async fn a_failure_is_reported_to_the_stack_without_any_secret() {
    let bucket = Bucket::start().await;
    let nowhere = "postgres://kai:a-secret-password@127.0.0.1:1/kai".to_owned();
    let setup = Setup { variables: vec![("DATABASE_URL", nowhere)], ..Setup::default() };
    let app = TestApp::start_with(setup).await;
    let create = bucket.event("custom-resource-create");
    let error = app.invoke("db-migrate", &create).await.unwrap_err();
    let answer = bucket.take(&create);
    assert_eq!(answer["Status"], "FAILED");
    assert!(answer["Reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{answer}");
    let logs: String = app.logs.lines().into_iter().map(|line| line.text + "\n").collect();
    for secret in ["a-secret-password", "a-signature"] {
        assert!(!answer.to_string().contains(secret) && !logs.contains(secret) && !error.to_string().contains(secret));
    }
    assert!(logs.contains("\"level\":\"ERROR\""), "{logs}");
}

#[tokio::test]
async fn deleting_a_stack_whose_database_is_gone_succeeds() {
    let bucket = Bucket::start().await;
    let nowhere = "postgres://kai:a-secret-password@127.0.0.1:1/kai".to_owned();
    let app = TestApp::start_with(Setup { variables: vec![("DATABASE_URL", nowhere)], ..Setup::default() }).await;
    let delete = bucket.event("custom-resource-delete");
    // Whatever the invocation comes to: the stack must not wait for a database that is gone.
    let _ = app.invoke("db-migrate", &delete).await;
    assert_eq!(bucket.take(&delete)["Status"], "SUCCESS");
}
