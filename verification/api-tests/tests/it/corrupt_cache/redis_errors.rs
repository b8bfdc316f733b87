//! Redis responds to some or all commands with an error. Reads and writes succeed, and every read
//! shows the latest write.

use std::time::Duration;

use api_tests::{RedisChoice, Setup, TestApp, wait_until};
use dev_servers::RedisCluster;
use futures_util::future::join;
use redis::{Cmd, cmd};

use super::cached_user::CachedUser;
use super::logs::assert_clean_logs;
use crate::cache_monitor;

/// The number of rounds, which is higher than the circuit breaker of an environment needs to open.
const ROUNDS: usize = 4;

/// Parses a command whose arguments contain no spaces.
fn parse_command(line: &str) -> Cmd {
    let mut words = line.split(' ');
    let mut command = cmd(words.next().unwrap());
    command.arg(words.collect::<Vec<_>>());
    command
}

/// Starts a system with a dedicated Redis, in which the user `operator` retains all permissions.
async fn start() -> (TestApp, CachedUser) {
    let app = TestApp::start_with(Setup { redis: RedisChoice::Own, ..Setup::default() }).await;
    let () = app.redis(&parse_command("ACL SETUSER operator on >secret ~* &* +@all")).await;
    let url = app.redis_url().replace("redis://", "redis://operator:secret@");
    let ada = CachedUser::start_with_redis(&app, &url).await;
    (app, ada)
}

/// Checks reads and writes while Redis returns this error, and after that. `inject` and `repair`
/// are the commands that begin and end the fault.
async fn check(app: &TestApp, ada: &mut CachedUser, error: &str, inject: &[&str], repair: &[&str]) {
    ada.warm().await;
    ada.run(&inject.iter().map(|line| parse_command(line)).collect::<Vec<_>>()).await;
    check_reads_and_writes(app, ada, error).await;
    ada.run(&repair.iter().map(|line| parse_command(line)).collect::<Vec<_>>()).await;
    recover(app, ada).await;
}

/// Returns the code of the first error of the commands that look up records and set markers.
async fn redis_error(app: &TestApp) -> Option<String> {
    let client = redis::Client::open(app.redis_url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for name in ["a", "b", "c", "d"] {
        for command in [format!("SET {name} g NX GET EX 1"), format!("GET {name}"), format!("EVAL return 1 {name}")] {
            let outcome: redis::RedisResult<redis::Value> = parse_command(&command).query_async(&mut connection).await;
            if let Err(error) = outcome {
                return error.code().map(str::to_owned);
            }
        }
    }
    None
}

/// Checks reads and writes while Redis returns this error.
async fn check_reads_and_writes(app: &TestApp, ada: &mut CachedUser, expected: &str) {
    assert_eq!(redis_error(app).await.as_deref(), Some(expected), "the fault is not active");
    for _ in 0..ROUNDS {
        for read in &ada.reads {
            ada.check(read, expected).await;
        }
        ada.write_everything(app).await;
        ada.reread().await;
    }
    assert_eq!(redis_error(app).await.as_deref(), Some(expected));
    assert_clean_logs(app);
}

/// Drains the outbox, and checks that the cache then serves the latest data.
async fn recover(app: &TestApp, ada: &CachedUser) {
    cache_monitor::drain_outbox(app).await;
    ada.warm().await;
    assert_clean_logs(app);
}

#[tokio::test]
async fn requests_succeed_while_redis_is_full_read_only_or_without_its_primary() {
    let (app, mut ada) = start().await;
    check(&app, &mut ada, "OOM", &["CONFIG SET maxmemory 1"], &["CONFIG SET maxmemory 0"]).await;
    check(&app, &mut ada, "READONLY", &["REPLICAOF 127.0.0.1 1"], &["REPLICAOF NO ONE"]).await;
    let inject = ["CONFIG SET replica-serve-stale-data no", "REPLICAOF 127.0.0.1 1"];
    // Redis responds with MASTERDOWN only to connections that never write. The functions do not
    // have such connections.
    check(&app, &mut ada, "READONLY", &inject, &["REPLICAOF NO ONE"]).await;
}

#[tokio::test]
async fn requests_succeed_while_redis_denies_some_or_all_commands() {
    let (app, mut ada) = start().await;
    for forbidden in ["-@all", "-set", "-get", "resetkeys"] {
        let inject = format!("ACL SETUSER default {forbidden}");
        check(&app, &mut ada, "NOPERM", &[&inject], &["ACL SETUSER default ~* +@all"]).await;
    }
}

#[tokio::test]
async fn requests_succeed_while_redis_is_loading() {
    let (app, mut ada) = start().await;
    let slow_loading = [
        "CONFIG SET rdbcompression no",
        "CONFIG SET loading-process-events-interval-bytes 1024",
        "CONFIG SET key-load-delay 1000",
        "DEBUG POPULATE 60000 filler 1000",
    ];
    ada.run(&slow_loading.map(parse_command)).await;
    // Redis loads the guards and the records that it contained before.
    let reload = parse_command("DEBUG RELOAD");
    let meanwhile = async {
        wait_until(Duration::from_secs(20), "Redis is loading", async || {
            redis_error(&app).await.as_deref() == Some("LOADING")
        })
        .await;
        check_reads_and_writes(&app, &mut ada, "LOADING").await;
        let () = app.redis(&parse_command("CONFIG SET key-load-delay 0")).await;
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
    let mut ada = CachedUser::start(&app).await;
    let (inject, repair) = ("CLUSTER DELSLOTSRANGE 0 16383", "CLUSTER ADDSLOTSRANGE 0 16383");
    check(&app, &mut ada, "CLUSTERDOWN", &[inject], &[repair]).await;
}

#[tokio::test]
async fn requests_succeed_while_a_cluster_node_redirects_most_keys() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = RedisCluster::start(folder.path(), 3).unwrap();
    // The functions treat the node as a single server.
    let url = cluster.nodes()[0].url();
    let app = TestApp::start_with(Setup { redis: RedisChoice::At(url), ..Setup::default() }).await;
    for _ in 0..3 {
        let mut ada = CachedUser::new(&app, app.redis_url()).await;
        check_reads_and_writes(&app, &mut ada, "MOVED").await;
    }
}

/// Without `EVAL`, no marker can be set. Reads still use the cache, so they show the writes only
/// after the outbox has been drained.
#[tokio::test]
async fn writes_that_cannot_set_a_marker_are_invalidated_through_the_outbox() {
    let (app, mut ada) = start().await;
    ada.run(&[parse_command("ACL SETUSER default -eval")]).await;
    assert_eq!(redis_error(&app).await.as_deref(), Some("NOPERM"));
    for _ in 0..ROUNDS {
        ada.write_everything(&app).await;
        for read in &ada.reads {
            ada.get(&read.path).await.expect_success();
        }
    }
    assert!(cache_monitor::run(&app).await.is_err(), "cache-monitor must report the failed invalidation");
    ada.run(&[parse_command("ACL SETUSER default +eval")]).await;
    cache_monitor::drain_outbox(&app).await;
    ada.refresh().await;
    assert_clean_logs(&app);
}
