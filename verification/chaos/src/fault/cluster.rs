//! Changes to a Redis Cluster while it is used. Nothing that was acknowledged is lost by any of them.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use dev_servers::{Redis, RedisCluster};
use rand::rngs::StdRng;
use rand::seq::{IteratorRandom as _, SliceRandom as _};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, FromRedisValue, cmd};
use tokio::time::{Instant, sleep};

use super::between;
use crate::stage::Stage;

/// How many slots move at a time, those with the most keys first.
const SLOTS: usize = 20;
/// How long a replica may take to take over.
const TAKES_OVER_WITHIN: Duration = Duration::from_secs(10);

/// A node with its place in the cluster.
struct Node<'a> {
    redis: &'a Redis,
    connection: MultiplexedConnection,
    id: String,
    is_primary: bool,
}

pub(super) async fn fail_over(stage: &Stage, random: &mut StdRng) -> Result<u64> {
    let mut nodes = nodes(stage).await?;
    let replica = nodes.iter_mut().filter(|node| !node.is_primary).choose(random).context("no replica")?;
    replica.ask::<()>(&["CLUSTER", "FAILOVER"]).await?;
    let end = Instant::now() + TAKES_OVER_WITHIN;
    while !replica.is_primary().await? {
        if Instant::now() > end {
            bail!("a replica did not take over");
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(1)
}

/// Moves slots key by key, as `redis-cli --cluster reshard` does, some of them slowly. Returns how many.
pub(super) async fn move_slots(stage: &Stage, random: &mut StdRng) -> Result<u64> {
    let (mut primaries, mut replicas): (Vec<_>, Vec<_>) =
        nodes(stage).await?.into_iter().partition(|node| node.is_primary);
    primaries.shuffle(random);
    let [from, to, others @ ..] = primaries.as_mut_slice() else { bail!("not two shards") };
    let mut slots = from.slots().await?;
    slots.shuffle(random);
    let mut full = Vec::new();
    for slot in slots {
        if full.len() == SLOTS {
            break;
        }
        if from.ask::<u64>(&["CLUSTER", "COUNTKEYSINSLOT", &slot.to_string()]).await? > 0 {
            full.push(slot.to_string());
        }
    }
    for slot in &full {
        to.ask::<()>(&["CLUSTER", "SETSLOT", slot, "IMPORTING", &from.id]).await?;
        from.ask::<()>(&["CLUSTER", "SETSLOT", slot, "MIGRATING", &to.id]).await?;
        sleep(between(random, 0, 200)).await;
        let port = to.redis.port().to_string();
        loop {
            let keys: Vec<String> = from.ask(&["CLUSTER", "GETKEYSINSLOT", slot, "10"]).await?;
            if keys.is_empty() {
                break;
            }
            let mut migrate = cmd("MIGRATE");
            migrate.arg("127.0.0.1").arg(&port).arg("").arg(0).arg(5000).arg("KEYS").arg(keys);
            migrate.exec_async(&mut from.connection).await?;
            sleep(between(random, 0, 20)).await;
        }
        let settled = ["CLUSTER", "SETSLOT", slot, "NODE", &to.id.clone()];
        // The new owner first, so that no moment is without one.
        to.ask::<()>(&settled).await?;
        from.ask::<()>(&settled).await?;
        for node in others.iter_mut().chain(&mut replicas) {
            // A replica learns it from its primary.
            let _ = node.ask::<()>(&settled).await;
        }
    }
    Ok(full.len() as u64)
}

/// Shorter than it takes the others to think it dead.
pub(super) async fn freeze_node(stage: &Stage, random: &mut StdRng) -> Result<u64> {
    let nodes = nodes(stage).await?;
    let node = nodes.iter().filter(|node| node.is_primary).choose(random).context("no primary")?;
    node.redis.pause();
    sleep(between(random, 30, 900)).await;
    node.redis.resume();
    Ok(1)
}

pub(super) async fn kill_clients(stage: &Stage, random: &mut StdRng) -> Result<u64> {
    let mut killed = 0;
    for _ in 0..3 {
        for node in &mut nodes(stage).await? {
            killed += node.ask::<u64>(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await?;
        }
        sleep(between(random, 50, 400)).await;
    }
    Ok(killed)
}

async fn nodes(stage: &Stage) -> Result<Vec<Node<'_>>> {
    let cluster: &RedisCluster = stage.cluster.as_ref().context("no cluster")?;
    let mut nodes = Vec::new();
    for redis in cluster.nodes().iter().chain(cluster.replicas()) {
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(5)));
        let client = redis::Client::open(redis.url())?;
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        let mut node = Node { redis, connection, id: String::new(), is_primary: false };
        node.id = node.ask(&["CLUSTER", "MYID"]).await?;
        node.is_primary = node.is_primary().await?;
        nodes.push(node);
    }
    Ok(nodes)
}

impl Node<'_> {
    async fn ask<T: FromRedisValue>(&mut self, words: &[&str]) -> Result<T> {
        let (name, arguments) = words.split_first().context("no command")?;
        let mut command = cmd(name);
        command.arg(arguments);
        command.query_async(&mut self.connection).await.with_context(|| words.join(" "))
    }

    async fn is_primary(&mut self) -> Result<bool> {
        Ok(self.ask::<String>(&["INFO", "replication"]).await?.contains("role:master"))
    }

    /// The slots that it serves, from its own line of `CLUSTER NODES`: `0-5460 5462 [93->-…]`.
    async fn slots(&mut self) -> Result<Vec<u16>> {
        let nodes: String = self.ask(&["CLUSTER", "NODES"]).await?;
        let own = nodes.lines().find(|line| line.contains("myself")).context("no line of its own")?;
        let ranges = own.split(' ').skip(8).filter(|range| !range.starts_with('['));
        let slots = ranges.filter_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some(first.trim().parse::<u16>().ok()?..=last.trim().parse::<u16>().ok()?)
        });
        Ok(slots.flatten().collect())
    }
}
