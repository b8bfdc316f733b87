//! A Redis that answers everything, or some of it, with an error: reads and writes succeed, and what was written is read.

use std::time::Duration;

use api_tests::{RedisChoice, Setup, TestApp, wait_until};
use dev_servers::RedisCluster;
use futures_util::future::join;
use redis::{Cmd, cmd};
use serde_json::json;

use super::assert_nothing_told;
use super::cached_user::CachedUser;

/// More rounds than it takes an environment to give the cache up.
const ROUNDS: usize = 4;

fn words(line: &str) -> Cmd {
    let mut words = line.split(' ');
    let mut command = cmd(words.next().unwrap());
    command.arg(words.collect::<Vec<_>>());
    command
}

/// A system with a Redis of its own, which somebody may still command whatever everybody else is refused.
async fn start() -> (TestApp, CachedUser) {
    let app = TestApp::start_with(Setup { redis: RedisChoice::Own, ..Setup::default() }).await;
    let () = app.redis(&words("ACL SETUSER operator on >secret ~* &* +@all")).await;
    let url = app.redis_url().replace("redis://", "redis://operator:secret@");
    let ada = CachedUser::settle_beside(&app, &url).await;
    (app, ada)
}

/// Lives on while Redis refuses what it is asked, in these words, and after it.
async fn check(app: &TestApp, ada: &mut CachedUser, refusal: &str, refuse: &[&str], relent: &[&str]) {
    ada.warm().await;
    ada.run(&refuse.iter().map(|line| words(line)).collect::<Vec<_>>()).await;
    live_on(app, ada, refusal).await;
    ada.run(&relent.iter().map(|line| words(line)).collect::<Vec<_>>()).await;
    recover(app, ada).await;
}

/// The code of the first error that Redis gives to whoever looks up or announces.
async fn refusal(app: &TestApp) -> Option<String> {
    let client = redis::Client::open(app.redis_url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for name in ["a", "b", "c", "d"] {
        for command in [format!("SET {name} g NX GET EX 1"), format!("GET {name}"), format!("EVAL return 1 {name}")] {
            let outcome: redis::RedisResult<redis::Value> = words(&command).query_async(&mut connection).await;
            if let Err(error) = outcome {
                return error.code().map(str::to_owned);
            }
        }
    }
    None
}

/// Reads and writes. What was written is read at once.
async fn live_on(app: &TestApp, ada: &mut CachedUser, expected: &str) {
    assert_eq!(refusal(app).await.as_deref(), Some(expected), "what follows would show nothing");
    for _ in 0..ROUNDS {
        for read in &ada.reads {
            ada.check(read, expected).await;
        }
        ada.live(app).await;
        ada.reread().await;
    }
    assert_eq!(refusal(app).await.as_deref(), Some(expected));
    assert_nothing_told(app);
}

/// Once the schedule has finished the outbox, the latest comes from the cache.
async fn recover(app: &TestApp, ada: &CachedUser) {
    wait_until(Duration::from_secs(10), "the outbox is finished", async || {
        app.invoke("cache-monitor", &json!({})).await.is_ok()
    })
    .await;
    ada.warm().await;
    assert_nothing_told(app);
}

#[tokio::test]
async fn requests_succeed_while_redis_is_full_read_only_or_without_its_primary() {
    let (app, mut ada) = start().await;
    check(&app, &mut ada, "OOM", &["CONFIG SET maxmemory 1"], &["CONFIG SET maxmemory 0"]).await;
    check(&app, &mut ada, "READONLY", &["REPLICAOF 127.0.0.1 1"], &["REPLICAOF NO ONE"]).await;
    let refuse = ["CONFIG SET replica-serve-stale-data no", "REPLICAOF 127.0.0.1 1"];
    // MASTERDOWN to those who only read; we never do.
    check(&app, &mut ada, "READONLY", &refuse, &["REPLICAOF NO ONE"]).await;
}

#[tokio::test]
async fn requests_succeed_while_redis_denies_some_or_all_commands() {
    let (app, mut ada) = start().await;
    for forbidden in ["-@all", "-set", "-get", "resetkeys"] {
        let refuse = format!("ACL SETUSER default {forbidden}");
        check(&app, &mut ada, "NOPERM", &[&refuse], &["ACL SETUSER default ~* +@all"]).await;
    }
}

#[tokio::test]
async fn requests_succeed_while_redis_is_loading() {
    let (app, mut ada) = start().await;
    let slowly = [
        "CONFIG SET rdbcompression no",
        "CONFIG SET loading-process-events-interval-bytes 1024",
        "CONFIG SET key-load-delay 1000",
        "DEBUG POPULATE 60000 filler 1000",
    ];
    ada.run(&slowly.map(words)).await;
    // It loads what it has known before: guards, records and all.
    let reload = words("DEBUG RELOAD");
    let meanwhile = async {
        wait_until(Duration::from_secs(20), "it loads", async || refusal(&app).await.as_deref() == Some("LOADING"))
            .await;
        live_on(&app, &mut ada, "LOADING").await;
        let () = app.redis(&words("CONFIG SET key-load-delay 0")).await;
    };
    join(app.redis::<()>(&reload), meanwhile).await;
    recover(&app, &ada).await;
}

#[tokio::test]
async fn requests_succeed_while_a_cluster_node_has_no_slots() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = RedisCluster::start(folder.path(), 1).unwrap();
    let url = cluster.nodes()[0].url();
    let app = TestApp::start_with(Setup { redis: RedisChoice::At(url), ..Setup::default() }).await;
    let mut ada = CachedUser::settle(&app).await;
    let (refuse, relent) = ("CLUSTER DELSLOTSRANGE 0 16383", "CLUSTER ADDSLOTSRANGE 0 16383");
    check(&app, &mut ada, "CLUSTERDOWN", &[refuse], &[relent]).await;
}

#[tokio::test]
async fn requests_succeed_while_a_cluster_node_redirects_most_keys() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = RedisCluster::start(folder.path(), 3).unwrap();
    // As if it were the only one.
    let url = cluster.nodes()[0].url();
    let app = TestApp::start_with(Setup { redis: RedisChoice::At(url), ..Setup::default() }).await;
    for _ in 0..3 {
        let mut ada = CachedUser::new(&app, app.redis_url()).await;
        live_on(&app, &mut ada, "MOVED").await;
    }
}

/// Reads go on as if nothing were, so that what is written shows only once the schedule can tell: that is what the outbox is for.
#[tokio::test]
async fn writes_that_cannot_set_a_marker_are_invalidated_through_the_outbox() {
    let (app, mut ada) = start().await;
    ada.run(&[words("ACL SETUSER default -eval")]).await;
    assert_eq!(refusal(&app).await.as_deref(), Some("NOPERM"));
    for _ in 0..ROUNDS {
        ada.live(&app).await;
        for read in &ada.reads {
            ada.get(&read.path).await.expect_success();
        }
    }
    assert!(app.invoke("cache-monitor", &json!({})).await.is_err(), "it claims to have told what it could not");
    ada.run(&[words("ACL SETUSER default +eval")]).await;
    wait_until(Duration::from_secs(10), "the outbox is finished", async || {
        app.invoke("cache-monitor", &json!({})).await.is_ok()
    })
    .await;
    ada.refresh().await;
    assert_nothing_told(&app);
}
