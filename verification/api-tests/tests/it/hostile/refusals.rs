//! A Redis that answers everything, or some of it, with an error: reads and writes succeed, and what was written is read.

use std::time::Duration;

use api_tests::{Kai, RedisChoice, Setup};
use dev_servers::RedisCluster;
use futures_util::future::join;
use redis::{Cmd, cmd};
use serde_json::json;

use super::assert_nothing_told;
use super::diarist::Diarist;
use crate::faults::within;

/// More rounds than it takes an environment to give the cache up.
const ROUNDS: usize = 4;

fn words(line: &str) -> Cmd {
    let mut words = line.split(' ');
    let mut command = cmd(words.next().unwrap());
    command.arg(words.collect::<Vec<_>>());
    command
}

/// A system with a Redis of its own, which somebody may still command whatever everybody else is refused.
async fn start() -> (Kai, Diarist) {
    let kai = Kai::start_with(Setup { redis: RedisChoice::Own, ..Setup::default() }).await;
    let () = kai.redis(&words("ACL SETUSER operator on >secret ~* &* +@all")).await;
    let url = kai.redis_url().replace("redis://", "redis://operator:secret@");
    let ada = Diarist::settle_beside(&kai, &url).await;
    (kai, ada)
}

/// Lives on while Redis refuses what it is asked, in these words, and after it.
async fn check(kai: &Kai, ada: &mut Diarist, refusal: &str, refuse: &[&str], relent: &[&str]) {
    ada.warm().await;
    ada.run(&refuse.iter().map(|line| words(line)).collect::<Vec<_>>()).await;
    live_on(kai, ada, refusal).await;
    ada.run(&relent.iter().map(|line| words(line)).collect::<Vec<_>>()).await;
    recover(kai, ada).await;
}

/// The code of the first error that Redis gives to whoever looks up or announces.
async fn refusal(kai: &Kai) -> Option<String> {
    let client = redis::Client::open(kai.redis_url()).unwrap();
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
async fn live_on(kai: &Kai, ada: &mut Diarist, expected: &str) {
    assert_eq!(refusal(kai).await.as_deref(), Some(expected), "what follows would show nothing");
    for _ in 0..ROUNDS {
        for reading in &ada.readings {
            ada.check(reading, expected).await;
        }
        ada.live(kai).await;
        ada.reread().await;
    }
    assert_eq!(refusal(kai).await.as_deref(), Some(expected));
    assert_nothing_told(kai);
}

/// Once the schedule has finished the outbox, the latest comes from the cache.
async fn recover(kai: &Kai, ada: &Diarist) {
    within(Duration::from_secs(10), "the outbox is finished", async || {
        kai.invoke("cache-monitor", &json!({})).await.is_ok()
    })
    .await;
    ada.warm().await;
    assert_nothing_told(kai);
}

#[tokio::test]
async fn a_redis_that_is_full_or_only_reads_or_lacks_its_primary_is_done_without() {
    let (kai, mut ada) = start().await;
    check(&kai, &mut ada, "OOM", &["CONFIG SET maxmemory 1"], &["CONFIG SET maxmemory 0"]).await;
    check(&kai, &mut ada, "READONLY", &["REPLICAOF 127.0.0.1 1"], &["REPLICAOF NO ONE"]).await;
    let refuse = ["CONFIG SET replica-serve-stale-data no", "REPLICAOF 127.0.0.1 1"];
    // MASTERDOWN to those who only read; we never do.
    check(&kai, &mut ada, "READONLY", &refuse, &["REPLICAOF NO ONE"]).await;
}

#[tokio::test]
async fn a_redis_that_permits_nothing_or_only_some_of_it_is_done_without() {
    let (kai, mut ada) = start().await;
    for forbidden in ["-@all", "-set", "-get", "resetkeys"] {
        let refuse = format!("ACL SETUSER default {forbidden}");
        check(&kai, &mut ada, "NOPERM", &[&refuse], &["ACL SETUSER default ~* +@all"]).await;
    }
}

#[tokio::test]
async fn a_redis_that_is_loading_is_done_without() {
    let (kai, mut ada) = start().await;
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
        within(Duration::from_secs(20), "it loads", async || refusal(&kai).await.as_deref() == Some("LOADING")).await;
        live_on(&kai, &mut ada, "LOADING").await;
        let () = kai.redis(&words("CONFIG SET key-load-delay 0")).await;
    };
    join(kai.redis::<()>(&reload), meanwhile).await;
    recover(&kai, &ada).await;
}

#[tokio::test]
async fn a_node_without_slots_is_done_without() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = RedisCluster::start(folder.path(), 1).unwrap();
    let url = cluster.nodes()[0].url();
    let kai = Kai::start_with(Setup { redis: RedisChoice::At(url), ..Setup::default() }).await;
    let mut ada = Diarist::settle(&kai).await;
    let (refuse, relent) = ("CLUSTER DELSLOTSRANGE 0 16383", "CLUSTER ADDSLOTSRANGE 0 16383");
    check(&kai, &mut ada, "CLUSTERDOWN", &[refuse], &[relent]).await;
}

#[tokio::test]
async fn a_node_that_sends_most_elsewhere_is_done_without() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = RedisCluster::start(folder.path(), 3).unwrap();
    // As if it were the only one.
    let url = cluster.nodes()[0].url();
    let kai = Kai::start_with(Setup { redis: RedisChoice::At(url), ..Setup::default() }).await;
    for _ in 0..3 {
        let mut ada = Diarist::new(&kai, kai.redis_url()).await;
        live_on(&kai, &mut ada, "MOVED").await;
    }
}

/// Reads go on as if nothing were, so that what is written shows only once the schedule can tell: that is what the outbox is for.
#[tokio::test]
async fn a_redis_that_only_lets_nobody_announce_a_write_is_told_of_it_later() {
    let (kai, mut ada) = start().await;
    ada.run(&[words("ACL SETUSER default -eval")]).await;
    assert_eq!(refusal(&kai).await.as_deref(), Some("NOPERM"));
    for _ in 0..ROUNDS {
        ada.live(&kai).await;
        for reading in &ada.readings {
            ada.get(&reading.path).await.good();
        }
    }
    assert!(kai.invoke("cache-monitor", &json!({})).await.is_err(), "it claims to have told what it could not");
    ada.run(&[words("ACL SETUSER default +eval")]).await;
    within(Duration::from_secs(10), "the outbox is finished", async || {
        kai.invoke("cache-monitor", &json!({})).await.is_ok()
    })
    .await;
    ada.refresh().await;
    assert_nothing_told(&kai);
}
