//! Faults of a single Redis, and of the way to it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use api_tests::Proxy;
use dev_servers::Redis;
use rand::rngs::StdRng;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, cmd};
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep, timeout};

use super::environment::kill_busy;
use super::{between, several};
use crate::stage::Stage;

/// What only the script that clears a marker says.
const CLEARING: &str = "'g' then redis.call('UNLINK'";
/// The functions that clear markers.
const WRITERS: [&str; 3] = ["profile-update", "journal-update", "auth-logout"];
/// What Redis may hold on top of what it holds when the pressure begins.
const HEADROOM: u64 = 1_000_000;

pub(super) async fn freeze(stage: &Stage, random: &mut StdRng) -> Result<u64> {
    server(stage)?.pause();
    sleep(between(random, 30, 2500)).await;
    server(stage)?.resume();
    Ok(1)
}

pub(super) async fn kill(stage: &Stage, random: &mut StdRng) -> Result<u64> {
    let server = server(stage)?;
    block_in_place(|| server.kill());
    sleep(between(random, 0, 1500)).await;
    block_in_place(|| server.restart())?;
    Ok(1)
}

pub(super) async fn kill_clients(stage: &Stage, random: &mut StdRng) -> Result<u64> {
    let mut connection = connect(stage).await?;
    several(random, async || {
        Ok(cmd("CLIENT")
            .arg("KILL")
            .arg("TYPE")
            .arg("normal")
            .arg("SKIPME")
            .arg("yes")
            .query_async(&mut connection)
            .await?)
    })
    .await
}

/// Returns how many keys were evicted.
pub(super) async fn fill_up(stage: &Stage, random: &mut StdRng) -> Result<u64> {
    let mut connection = connect(stage).await?;
    let before = evicted(&mut connection).await?;
    let used = figure(&mut connection, "memory", "used_memory:").await?;
    set(&mut connection, "maxmemory-policy", "allkeys-lru").await?;
    set(&mut connection, "maxmemory", &(used + HEADROOM).to_string()).await?;
    let end = Instant::now() + between(random, 800, 2500);
    let filler = "x".repeat(1000);
    let mut number = 0;
    while Instant::now() < end {
        let mut pipeline = redis::pipe();
        for _ in 0..200 {
            number += 1;
            pipeline.cmd("SET").arg(format!("filler:{number}")).arg(&filler).arg("EX").arg(30).ignore();
        }
        // Where it does not evict fast enough it refuses, which is pressure as well.
        let _refused = pipeline.exec_async(&mut connection).await;
        sleep(Duration::from_millis(20)).await;
    }
    set(&mut connection, "maxmemory", "0").await?;
    let fillers: Vec<String> = (1..=number).map(|number| format!("filler:{number}")).collect();
    for some in fillers.chunks(1000) {
        cmd("UNLINK").arg(some).exec_async(&mut connection).await?;
    }
    Ok(evicted(&mut connection).await? - before)
}

pub(super) async fn slow(stage: &Stage, random: &mut StdRng) -> Result<u64> {
    proxy(stage)?.delay_responses(between(random, 2, 120));
    healed(stage, between(random, 300, 2000)).await
}

pub(super) async fn hold(stage: &Stage, random: &mut StdRng) -> Result<u64> {
    proxy(stage)?.delay_requests(between(random, 5, 1500));
    healed(stage, between(random, 300, 2000)).await
}

pub(super) async fn reset(stage: &Stage, random: &mut StdRng) -> Result<u64> {
    several(random, async || {
        proxy(stage)?.reset();
        Ok(1)
    })
    .await
}

pub(super) async fn refuse(stage: &Stage, random: &mut StdRng) -> Result<u64> {
    proxy(stage)?.refuse().await;
    healed(stage, between(random, 100, 1500)).await
}

pub(super) async fn silence(stage: &Stage, random: &mut StdRng) -> Result<u64> {
    proxy(stage)?.blackhole();
    healed(stage, between(random, 100, 2500)).await
}

/// The commands that clear markers disappear, three times or more; where environments are processes, whichever of them write are killed
/// at that moment. Returns how many commands have disappeared.
pub(super) async fn lose_clearing(stage: &Stage, random: &mut StdRng, kills: bool) -> Result<u64> {
    let proxy = proxy(stage)?;
    let mut lost = proxy.blackholed();
    let before = *lost.borrow_and_update();
    proxy.blackhole_after(CLEARING);
    let end = Instant::now() + between(random, 500, 2000);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if timeout(left, lost.changed()).await.is_err() {
            break;
        }
        if kills {
            for function in WRITERS {
                kill_busy(&stage.kai, |name| name == function);
            }
        }
    }
    proxy.heal().await;
    let after = *lost.borrow();
    Ok(after - before)
}

async fn healed(stage: &Stage, after: Duration) -> Result<u64> {
    sleep(after).await;
    proxy(stage)?.heal().await;
    Ok(1)
}

fn server(stage: &Stage) -> Result<&Redis> {
    stage.kai.own_redis.as_ref().context("no Redis of our own")
}

fn proxy(stage: &Stage) -> Result<&Proxy> {
    stage.kai.redis_proxy.as_ref().context("no proxy before Redis")
}

/// Past the proxy.
async fn connect(stage: &Stage) -> Result<MultiplexedConnection> {
    let client = redis::Client::open(stage.kai.redis_url())?;
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(5)));
    Ok(client.get_multiplexed_async_connection_with_config(&config).await?)
}

async fn set(connection: &mut MultiplexedConnection, name: &str, value: &str) -> Result<()> {
    Ok(cmd("CONFIG").arg("SET").arg(name).arg(value).exec_async(connection).await?)
}

async fn evicted(connection: &mut MultiplexedConnection) -> Result<u64> {
    figure(connection, "stats", "evicted_keys:").await
}

async fn figure(connection: &mut MultiplexedConnection, section: &str, name: &str) -> Result<u64> {
    let info: String = cmd("INFO").arg(section).query_async(connection).await?;
    let figure = info.lines().find_map(|line| line.strip_prefix(name)).context("a figure of Redis")?;
    Ok(figure.trim().parse()?)
}
