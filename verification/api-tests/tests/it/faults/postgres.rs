//! Postgres stops, dies or freezes: what is cached is served, the rest is refused in time, and what was acknowledged is there afterwards.

use std::collections::BTreeMap;
use std::time::Duration;

use api_tests::{Kai, PostgresChoice, RedisChoice, Reply, Setup};
use dev_servers::Postgres;
use futures_util::future::{join, join_all};
use serde_json::json;
use tokio::time::sleep;

use super::{alone, create, milliseconds, rows, warm, within};

/// A read has 2 s, and a write 3 s; the rest is room for a busy machine.
const READ_MS: f64 = 2300.0;
const WRITE_MS: f64 = 3300.0;

#[tokio::test]
async fn a_stopped_postgres_refuses_what_is_not_cached_and_loses_nothing() {
    check(Postgres::stop, |postgres| postgres.restart().unwrap()).await;
}

#[tokio::test]
async fn a_killed_postgres_refuses_what_is_not_cached_and_loses_nothing() {
    check(Postgres::kill, |postgres| postgres.restart().unwrap()).await;
}

#[tokio::test]
async fn a_frozen_postgres_refuses_what_is_not_cached_and_loses_nothing() {
    check(Postgres::pause, Postgres::resume).await;
}

/// What a standby says may be old, and an old session or list must not get into the cache.
#[tokio::test]
async fn a_server_that_takes_no_writes_is_not_asked_for_reads() {
    let kai = Kai::start().await;
    let ada = kai.settle().await;
    let database: String = kai.value("SELECT current_database()::text", &[]).await;
    kai.query(&format!("ALTER DATABASE {database} SET default_transaction_read_only = on"), &[]).await;
    ada.get("/api/journal/entries").await.expect_problem(503, "unavailable");
    let writable = [
        "SET default_transaction_read_only = off".to_owned(),
        format!("ALTER DATABASE {database} RESET default_transaction_read_only"),
    ];
    let (client, connection) = tokio_postgres::connect(kai.database_url(), tokio_postgres::NoTls).await.unwrap();
    let work = async {
        for statement in &writable {
            client.batch_execute(statement).await.unwrap();
        }
    };
    tokio::select! {
        () = work => {}
        ended = connection => panic!("{ended:?}"),
    }
    assert_eq!(ada.get("/api/journal/entries").await.status, 200);
}

async fn check(fail: impl Fn(&Postgres), mend: impl Fn(&Postgres)) {
    let _alone = alone().await;
    let setup = Setup { postgres: PostgresChoice::Own(Vec::new()), redis: RedisChoice::Own, ..Setup::default() };
    let kai = Kai::start_with(setup).await;
    let postgres = kai.own_postgres.as_ref().unwrap();
    let (reader, writer) = (kai.register_and_login().await, kai.settle().await);
    reader.write("kept").await;
    warm(&reader).await;

    // Writes before, at the moment of, and during the fault, some of which nobody can tell the outcome of.
    let contents: Vec<String> = (0..30).map(|number| format!("entry-{number:02}")).collect();
    let attempts = (0..).zip(&contents).map(async |(number, content)| {
        sleep(Duration::from_millis(15) * number).await;
        (content.clone(), create(&writer, content).await)
    });
    let fault = async {
        sleep(Duration::from_millis(200)).await;
        fail(postgres);
    };
    let (attempts, ()) = join(join_all(attempts), fault).await;
    let attempts: BTreeMap<String, Reply> = attempts.into_iter().collect();
    for reply in attempts.values().filter(|reply| reply.status != 201) {
        assert_unavailable(&kai, reply, WRITE_MS).await;
    }
    assert!(attempts.values().any(|reply| reply.status == 201), "the fault came before everything");
    assert!(attempts.values().any(|reply| reply.status == 503), "the fault came after everything");

    for _ in 0..3 {
        let replies = [reader.list().await, reader.get(reader.profile_path()).await, reader.get("/api/auth/me").await];
        for reply in replies {
            assert_eq!((reply.status, reply.cache()), (200, "hit"));
        }
    }
    let uncached = [
        (reader.get("/api/journal/entries?page=2"), READ_MS),
        (writer.get(writer.profile_path()), READ_MS),
        (reader.patch(reader.profile_path(), &json!({"communication_style": "gentle"})), WRITE_MS),
        (writer.request("POST", "/api/auth/logout"), WRITE_MS),
        (
            kai.anonymous().post("/api/auth/login", &json!({"email": reader.email, "password": reader.password})),
            WRITE_MS,
        ),
        (
            kai.anonymous()
                .post("/api/auth/register", &json!({"email": "new@example.org", "password": "nine quiet herons"})),
            WRITE_MS,
        ),
    ];
    for (request, most) in uncached {
        assert_unavailable(&kai, &request.await, most).await;
    }
    let health = kai.anonymous().get("/health").await;
    assert_eq!((health.status, &health.json()["status"]), (503, &json!("unhealthy")));

    mend(postgres);
    // Who was refused asks again under the same key, until there is an answer.
    for content in attempts.iter().filter(|(_, reply)| reply.status != 201).map(|(content, _)| content) {
        within(Duration::from_secs(10), content, async || {
            let reply = create(&writer, content).await;
            assert!([201, 503].contains(&reply.status), "{} {}", reply.status, reply.text());
            reply.status == 201
        })
        .await;
    }
    let once: Vec<_> = contents.into_iter().map(|content| (content, 1)).collect();
    assert_eq!(rows(&kai, &writer).await, once);
    let page = writer.get("/api/journal/entries?page_size=100").await.good();
    assert_eq!(page["total"], once.len());
    let health = async || kai.anonymous().get("/health").await.status == 200;
    within(Duration::from_secs(5), "healthy", health).await;
}

/// Asserts 503 with `Retry-After` within so many milliseconds, by the function's own clock.
async fn assert_unavailable(kai: &Kai, reply: &Reply, most: f64) {
    reply.expect_problem(503, "unavailable");
    assert!(reply.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()), "{reply:?}");
    let latency = milliseconds(&kai.metrics_of(reply), "Latency");
    assert!(latency < most, "{latency} ms");
}
