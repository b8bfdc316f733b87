//! Faults of a single Redis server, and of the network in front of it.

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
use super::{network, random_duration, repeat};
use crate::system::System;

/// A text that occurs only in the script that clears a marker.
const CLEARING: &str = "'g' then redis.call('UNLINK'";
/// Functions that clear markers, because they write.
const WRITERS: [&str; 3] = ["profile-update", "journal-update", "auth-logout"];
/// The memory that Redis may use in addition to its memory at the start of the fault, in bytes.
const HEADROOM: u64 = 1_000_000;
/// The command that closes the connections of all clients except its own.
pub(super) const KILL_CLIENTS: [&str; 6] = ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"];
/// The time limit for a reply to a command of a fault. It allows for a busy machine.
pub(super) const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) async fn freeze(system: &System, random: &mut StdRng) -> Result<u64> {
    server(system)?.pause();
    sleep(random_duration(random, 30, 2500)).await;
    server(system)?.resume();
    Ok(1)
}

pub(super) async fn kill(system: &System, random: &mut StdRng) -> Result<u64> {
    let server = server(system)?;
    block_in_place(|| server.kill());
    sleep(random_duration(random, 0, 1500)).await;
    block_in_place(|| server.restart())?;
    Ok(1)
}

pub(super) async fn kill_clients(system: &System, random: &mut StdRng) -> Result<u64> {
    let mut connection = connect(system.kai.redis_url()).await?;
    let [name, arguments @ ..] = KILL_CLIENTS;
    repeat(random, async || Ok(cmd(name).arg(&arguments).query_async(&mut connection).await?)).await
}

/// Fills Redis, and returns the number of evicted keys.
pub(super) async fn fill_up(system: &System, random: &mut StdRng) -> Result<u64> {
    let mut connection = connect(system.kai.redis_url()).await?;
    let before = evicted_keys(&mut connection).await?;
    let used = info(&mut connection, "memory", "used_memory:").await?;
    set(&mut connection, "maxmemory-policy", "allkeys-lru").await?;
    set(&mut connection, "maxmemory", &(used + HEADROOM).to_string()).await?;
    let end = Instant::now() + random_duration(random, 800, 2500);
    let filler = "x".repeat(1000);
    let mut number = 0;
    while Instant::now() < end {
        let mut pipeline = redis::pipe();
        for _ in 0..200 {
            number += 1;
            pipeline.cmd("SET").arg(format!("filler:{number}")).arg(&filler).arg("EX").arg(30).ignore();
        }
        // If Redis cannot evict fast enough, it rejects the commands. That is memory pressure as
        // well.
        let _rejected = pipeline.exec_async(&mut connection).await;
        sleep(Duration::from_millis(20)).await;
    }
    set(&mut connection, "maxmemory", "0").await?;
    let fillers: Vec<String> = (1..=number).map(|number| format!("filler:{number}")).collect();
    for some in fillers.chunks(1000) {
        cmd("UNLINK").arg(some).exec_async(&mut connection).await?;
    }
    Ok(evicted_keys(&mut connection).await? - before)
}

pub(super) async fn delay_replies(system: &System, random: &mut StdRng) -> Result<u64> {
    network::delay_replies(proxy(system)?, random).await
}

pub(super) async fn delay_commands(system: &System, random: &mut StdRng) -> Result<u64> {
    let proxy = proxy(system)?;
    proxy.delay_requests(random_duration(random, 5, 1500));
    network::heal_after(proxy, random_duration(random, 300, 2000)).await
}

pub(super) async fn reset_connections(system: &System, random: &mut StdRng) -> Result<u64> {
    network::disturb(proxy(system)?, random, Proxy::reset).await
}

pub(super) async fn refuse_connections(system: &System, random: &mut StdRng) -> Result<u64> {
    let proxy = proxy(system)?;
    proxy.refuse().await;
    network::heal_after(proxy, random_duration(random, 100, 1500)).await
}

pub(super) async fn blackhole(system: &System, random: &mut StdRng) -> Result<u64> {
    let proxy = proxy(system)?;
    proxy.blackhole();
    network::heal_after(proxy, random_duration(random, 100, 2500)).await
}

/// Loses the commands that clear markers, and returns the number of lost commands. With `kills`,
/// the busy environments of the functions that write are killed at the same moment.
pub(super) async fn lose_marker_clears(system: &System, random: &mut StdRng, kills: bool) -> Result<u64> {
    let proxy = proxy(system)?;
    let mut lost = proxy.blackholed();
    let before = *lost.borrow_and_update();
    proxy.blackhole_after(CLEARING);
    let end = Instant::now() + random_duration(random, 500, 2000);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if timeout(left, lost.changed()).await.is_err() {
            break;
        }
        if kills {
            for function in WRITERS {
                kill_busy(&system.kai, |name| name == function);
            }
        }
    }
    proxy.heal().await;
    let after = *lost.borrow();
    Ok(after - before)
}

/// Connects to a server directly, without a proxy.
pub(super) async fn connect(url: &str) -> Result<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(REPLY_TIMEOUT));
    Ok(redis::Client::open(url)?.get_multiplexed_async_connection_with_config(&config).await?)
}

fn server(system: &System) -> Result<&Redis> {
    system.kai.own_redis.as_ref().context("the system does not have its own Redis server")
}

fn proxy(system: &System) -> Result<&Proxy> {
    system.kai.redis_proxy.as_ref().context("the system has no proxy in front of Redis")
}

async fn set(connection: &mut MultiplexedConnection, name: &str, value: &str) -> Result<()> {
    Ok(cmd("CONFIG").arg("SET").arg(name).arg(value).exec_async(connection).await?)
}

async fn evicted_keys(connection: &mut MultiplexedConnection) -> Result<u64> {
    info(connection, "stats", "evicted_keys:").await
}

async fn info(connection: &mut MultiplexedConnection, section: &str, name: &str) -> Result<u64> {
    let info: String = cmd("INFO").arg(section).query_async(connection).await?;
    let value =
        info.lines().find_map(|line| line.strip_prefix(name)).context("INFO does not contain the expected value")?;
    Ok(value.trim().parse()?)
}
