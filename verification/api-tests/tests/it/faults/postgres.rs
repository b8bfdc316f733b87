//! Postgres is stopped, killed or frozen. Cached reads succeed, all other requests fail within
//! their time limits, and acknowledged writes are not lost.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use api_tests::{PostgresChoice, RedisChoice, Response, Setup, TestApp, wait_until, with_connection};
use dev_servers::Postgres;
use futures_util::future::{join, join_all};
use serde_json::json;
use tokio::time::sleep;

use super::fixture::{create_once, exclusive, milliseconds, stored_contents, warm_cache};

/// The maximum latencies in milliseconds. A read gives up after 2 s and a write after 3 s. The rest
/// is tolerance for a busy machine.
const READ_MS: f64 = 2300.0;
const WRITE_MS: f64 = 3300.0;

#[tokio::test]
async fn a_stopped_postgres_leaves_cached_reads_working_and_loses_no_acknowledged_write() {
    check(Postgres::stop, |postgres| postgres.restart().unwrap()).await;
}

#[tokio::test]
async fn a_killed_postgres_leaves_cached_reads_working_and_loses_no_acknowledged_write() {
    check(Postgres::kill, |postgres| postgres.restart().unwrap()).await;
}

#[tokio::test]
async fn a_frozen_postgres_leaves_cached_reads_working_and_loses_no_acknowledged_write() {
    check(Postgres::pause, Postgres::resume).await;
}

/// A standby may lag behind, and an outdated session or list must not be cached.
#[tokio::test]
async fn a_read_only_server_is_not_used_for_reads() {
    let app = TestApp::start().await;
    let ada = app.new_user().await;
    let database: String = app.query_scalar("SELECT current_database()::text", &[]).await;
    app.query(&format!("ALTER DATABASE {database} SET default_transaction_read_only = on"), &[]).await;
    ada.get("/api/journal/entries").await.expect_problem(503, "unavailable");
    let writable = [
        "SET default_transaction_read_only = off".to_owned(),
        format!("ALTER DATABASE {database} RESET default_transaction_read_only"),
    ];
    with_connection(app.database_url(), async |client| {
        for statement in &writable {
            client.batch_execute(statement).await.unwrap();
        }
    })
    .await;
    assert_eq!(ada.get("/api/journal/entries").await.status, 200);
}

async fn check(inject: impl Fn(&Postgres), repair: impl Fn(&Postgres)) {
    let _exclusive = exclusive().await;
    let setup = Setup { postgres: PostgresChoice::Own(Vec::new()), redis: RedisChoice::Own, ..Setup::default() };
    let app = TestApp::start_with(setup).await;
    let postgres = app.own_postgres.as_ref().unwrap();
    let (reader, writer) = (app.register_and_login().await, app.new_user().await);
    reader.create_entry("cached").await;
    warm_cache(&reader).await;

    // Writes before and during the fault. The outcome of some is unknown to the client.
    let contents: Vec<String> = (0..30).map(|number| format!("entry-{number:02}")).collect();
    let is_acknowledged = AtomicBool::new(false);
    let attempts = (0..).zip(&contents).map(async |(number, content)| {
        sleep(Duration::from_millis(15) * number).await;
        let response = create_once(&writer, content).await;
        is_acknowledged.fetch_or(response.status == 201, Ordering::Relaxed);
        (content.clone(), response)
    });
    let fault = async {
        sleep(Duration::from_millis(200)).await;
        let limit = Duration::from_secs(10);
        wait_until(limit, "a write is acknowledged", async || is_acknowledged.load(Ordering::Relaxed)).await;
        inject(postgres);
    };
    let (attempts, ()) = join(join_all(attempts), fault).await;
    let attempts: BTreeMap<String, Response> = attempts.into_iter().collect();
    for response in attempts.values().filter(|response| response.status != 201) {
        assert_unavailable(&app, response, WRITE_MS);
    }
    assert!(attempts.values().any(|response| response.status == 201), "the fault occurred before all writes");
    assert!(attempts.values().any(|response| response.status == 503), "the fault occurred after all writes");

    for _ in 0..3 {
        for path in ["/api/journal/entries", "/api/auth/me", &reader.profile_path()] {
            assert_eq!(reader.get(path).until_hit().await.status, 200);
        }
    }
    let uncached = [
        (reader.get("/api/journal/entries?page=2"), READ_MS),
        (writer.get(writer.profile_path()), READ_MS),
        (reader.patch(reader.profile_path(), &json!({"communication_style": "gentle"})), WRITE_MS),
        (writer.request("POST", "/api/auth/logout"), WRITE_MS),
        (app.anonymous().post("/api/auth/login", &reader.credentials()), WRITE_MS),
        (
            app.anonymous()
                .post("/api/auth/register", &json!({"email": "new@example.org", "password": "nine quiet herons"})),
            WRITE_MS,
        ),
    ];
    for (request, limit) in uncached {
        assert_unavailable(&app, &request.await, limit);
    }
    let health = app.anonymous().get("/health").await;
    assert_eq!((health.status, &health.json()["status"]), (503, &json!("unhealthy")));

    repair(postgres);
    // A client whose write failed repeats it with the same key until it succeeds.
    for content in attempts.iter().filter(|(_, response)| response.status != 201).map(|(content, _)| content) {
        wait_until(Duration::from_secs(10), content, async || {
            let response = create_once(&writer, content).await;
            assert!([201, 503].contains(&response.status), "{} {}", response.status, response.text());
            response.status == 201
        })
        .await;
    }
    let expected: Vec<_> = contents.into_iter().map(|content| (content, 1)).collect();
    assert_eq!(stored_contents(&app, &writer).await, expected);
    let page = writer.get("/api/journal/entries?page_size=100").await.expect_success();
    assert_eq!(page["total"], expected.len());
    let health = async || app.anonymous().get("/health").await.status == 200;
    wait_until(Duration::from_secs(5), "the service is healthy", health).await;
}

/// Asserts that the response is 503 with `Retry-After`, within `limit` milliseconds by the clock of
/// the function.
fn assert_unavailable(app: &TestApp, response: &Response, limit: f64) {
    response.expect_problem(503, "unavailable");
    assert!(response.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()), "{response:?}");
    let latency = milliseconds(&app.metrics_of(response), "Latency");
    assert!(latency < limit, "{latency} ms");
}
