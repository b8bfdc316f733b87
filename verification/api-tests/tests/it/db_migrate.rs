//! The function that brings the schema up or down.

use std::sync::{Arc, Mutex};

use api_tests::{Kai, PostgresChoice, Setup, fake};
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

async fn start() -> Kai {
    Kai::start_with(Setup { postgres: PostgresChoice::Empty, ..Setup::default() }).await
}

async fn tables(kai: &Kai) -> Vec<String> {
    let sql = "SELECT table_name::text FROM information_schema.tables
        WHERE table_schema = 'public' AND table_name NOT LIKE '\\_%' ORDER BY 1";
    kai.query(sql, &[]).await.iter().map(|row| row.get(0)).collect()
}

/// Migrates, and returns for each migration whether it is applied.
async fn migrate(kai: &Kai, direction: &str) -> Vec<bool> {
    let outcome = kai.invoke("db-migrate", &json!({"direction": direction})).await.unwrap();
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
async fn the_schema_goes_up_and_down_and_up_again() {
    let kai = start().await;
    assert!(none(&migrate(&kai, "status").await));
    assert_eq!(tables(&kai).await, Vec::<String>::new());
    assert!(all(&migrate(&kai, "up").await));
    assert!(all(&migrate(&kai, "up").await), "a second time");
    assert_eq!(tables(&kai).await, TABLES);
    let ada = kai.register_and_login().await;
    ada.write("it works").await;
    // One step at a time, the newest first.
    for left in (0..migrate(&kai, "status").await.len()).rev() {
        let applied = migrate(&kai, "down").await;
        assert!(all(&applied[..left]) && none(&applied[left..]), "{left}: {applied:?}");
    }
    assert_eq!(tables(&kai).await, Vec::<String>::new());
    let left =
        "SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'public'";
    assert_eq!(kai.value::<i64>(left, &[]).await, 0, "functions");
    assert!(none(&migrate(&kai, "down").await), "there is nothing more to undo");
    assert!(all(&migrate(&kai, "up").await));
    kai.register_and_login().await.write("it works again").await;
}

#[tokio::test]
async fn a_schema_that_is_ahead_is_left_as_it_is_so_that_a_stack_can_go_back() {
    let kai = start().await;
    let known = migrate(&kai, "up").await;
    kai.query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (9999, 'of a newer release', true, '', 0)",
        &[],
    )
    .await;
    assert_eq!(migrate(&kai, "up").await, known);
    let refused = kai.invoke("db-migrate", &json!({"direction": "down"})).await.unwrap_err();
    assert!(refused.to_string().contains("migration 9999 is of a newer release"), "{refused}");
    assert_eq!(migrate(&kai, "status").await, known);
}

#[tokio::test]
async fn the_database_bounds_what_every_connection_may_take() {
    let kai = start().await;
    migrate(&kai, "up").await;
    for (setting, expected) in
        [("statement_timeout", "5s"), ("lock_timeout", "2s"), ("idle_in_transaction_session_timeout", "5s")]
    {
        assert_eq!(kai.value::<String>(&format!("SHOW {setting}"), &[]).await, expected, "{setting}");
    }
}

#[tokio::test]
async fn an_event_that_makes_no_sense_is_an_error_and_changes_nothing() {
    let kai = start().await;
    for event in [json!({}), json!({"direction": "sideways"}), json!([]), json!(null)] {
        assert!(kai.invoke("db-migrate", &event).await.is_err(), "{event}");
    }
    assert_eq!(tables(&kai).await, Vec::<String>::new());
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
async fn a_stack_hears_of_a_configuration_that_is_wrong_and_can_still_be_deleted() {
    let secrets = fake::start(|_| {
        Some((400, "application/x-amz-json-1.1", json!({"__type": "ResourceNotFoundException"}).to_string()))
    });
    let variables = vec![
        ("DATABASE_URL", String::new()),
        ("SECRET_ID", "gone".to_owned()),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets),
    ];
    let kai = Kai::start_with(Setup { postgres: PostgresChoice::Empty, variables, ..Setup::default() }).await;
    let bucket = Bucket::start().await;
    let create = bucket.event("custom-resource-create");
    assert!(kai.invoke("db-migrate", &create).await.is_err());
    let answer = bucket.take(&create);
    assert_eq!(answer["Status"], "FAILED");
    let reason = answer["Reason"].as_str().unwrap();
    assert!(reason.contains("SECRET_ID: Secrets Manager refuses it: ResourceNotFoundException"), "{reason}");
    let delete = bucket.event("custom-resource-delete");
    kai.invoke("db-migrate", &delete).await.unwrap();
    assert_eq!(bucket.take(&delete)["Status"], "SUCCESS");
}

#[tokio::test]
async fn as_a_custom_resource_it_migrates_on_creation_and_leaves_the_data_on_deletion() {
    let (kai, bucket) = (start().await, Bucket::start().await);
    let create = bucket.event("custom-resource-create");
    kai.invoke("db-migrate", &create).await.unwrap();
    assert_eq!(bucket.take(&create)["Status"], "SUCCESS");
    assert_eq!(tables(&kai).await, TABLES);
    let ada = kai.register_and_login().await;
    ada.write("outlives the stack").await;
    for case in ["custom-resource-update", "custom-resource-delete"] {
        let event = bucket.event(case);
        kai.invoke("db-migrate", &event).await.unwrap();
        assert_eq!(bucket.take(&event)["Status"], "SUCCESS", "{case}");
        assert_eq!(ada.list().await.json()["total"], 1, "{case}");
    }
}

#[tokio::test]
async fn a_failure_is_told_to_the_stack_without_any_secret() {
    let bucket = Bucket::start().await;
    let nowhere = "postgres://kai:a-secret-password@127.0.0.1:1/kai".to_owned();
    let setup = Setup { variables: vec![("DATABASE_URL", nowhere)], ..Setup::default() };
    let kai = Kai::start_with(setup).await;
    let create = bucket.event("custom-resource-create");
    let error = kai.invoke("db-migrate", &create).await.unwrap_err();
    let answer = bucket.take(&create);
    assert_eq!(answer["Status"], "FAILED");
    assert!(answer["Reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{answer}");
    let logs: String = kai.logs.lines().into_iter().map(|line| line.text + "\n").collect();
    for secret in ["a-secret-password", "a-signature"] {
        assert!(!answer.to_string().contains(secret) && !logs.contains(secret) && !error.to_string().contains(secret));
    }
    assert!(logs.contains("\"level\":\"ERROR\""), "{logs}");
}

#[tokio::test]
async fn deleting_a_stack_whose_database_is_gone_succeeds() {
    let bucket = Bucket::start().await;
    let nowhere = "postgres://kai:a-secret-password@127.0.0.1:1/kai".to_owned();
    let kai = Kai::start_with(Setup { variables: vec![("DATABASE_URL", nowhere)], ..Setup::default() }).await;
    let delete = bucket.event("custom-resource-delete");
    // Whatever the invocation comes to: the stack must not wait for a database that is gone.
    let _ = kai.invoke("db-migrate", &delete).await;
    assert_eq!(bucket.take(&delete)["Status"], "SUCCESS");
}
