//! Changes to a Redis Cluster while it is used. None of them loses an acknowledged write.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use dev_servers::{Redis, RedisCluster};
use rand::rngs::StdRng;
use rand::seq::{IteratorRandom as _, SliceRandom as _};
use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, cmd};
use tokio::time::{Instant, sleep};

use super::random_duration;
use super::redis::{KILL_CLIENTS, REPLY_TIMEOUT, connect};

/// The maximum number of slots that one fault moves. Only slots that contain keys are moved.
const SLOTS: usize = 20;
/// The time limit for a failover, until every node has accepted the new primary. It allows for a
/// busy machine.
const FAILOVER_TIMEOUT: Duration = Duration::from_secs(60);
/// The time after which a failover is requested again. Redis abandons a failover that has not
/// succeeded after 5 s.
const FAILOVER_ABANDONED: Duration = Duration::from_secs(6);
/// The interval at which the progress of a failover is checked.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

pub(super) async fn fail_over(cluster: &RedisCluster, random: &mut StdRng) -> Result<u64> {
    let mut nodes = nodes(cluster).await?;
    let replica =
        nodes.iter_mut().filter(|node| !node.is_primary).choose(random).context("the cluster has no replica")?;
    let deadline = Instant::now() + FAILOVER_TIMEOUT;
    replica.take_over(deadline).await?;
    // The new primary informs the other nodes. Until then, the old primary still acts as a primary.
    while count_primaries(&mut nodes).await? > cluster.nodes().len() {
        if Instant::now() > deadline {
            bail!("the old primary did not step down");
        }
        sleep(POLL_INTERVAL).await;
    }
    Ok(1)
}

/// Moves slots key by key, as `redis-cli --cluster reshard` does, with random pauses. Returns the
/// number of moved slots.
pub(super) async fn move_slots(cluster: &RedisCluster, random: &mut StdRng) -> Result<u64> {
    let (mut primaries, mut replicas): (Vec<_>, Vec<_>) =
        nodes(cluster).await?.into_iter().partition(|node| node.is_primary);
    primaries.shuffle(random);
    let [from, to, others @ ..] = primaries.as_mut_slice() else { bail!("the cluster has only one shard") };
    let mut slots = from.slots().await?;
    slots.shuffle(random);
    let mut full = Vec::new();
    for slot in slots {
        if full.len() == SLOTS {
            break;
        }
        if from.query::<u64>(&["CLUSTER", "COUNTKEYSINSLOT", &slot.to_string()]).await? > 0 {
            full.push(slot.to_string());
        }
    }
    for slot in &full {
        to.query::<()>(&["CLUSTER", "SETSLOT", slot, "IMPORTING", &from.id]).await?;
        from.query::<()>(&["CLUSTER", "SETSLOT", slot, "MIGRATING", &to.id]).await?;
        sleep(random_duration(random, 0, 200)).await;
        let port = to.redis.port().to_string();
        loop {
            let keys: Vec<String> = from.query(&["CLUSTER", "GETKEYSINSLOT", slot, "10"]).await?;
            if keys.is_empty() {
                break;
            }
            let timeout_ms = REPLY_TIMEOUT.as_millis() as u64;
            let mut migrate = cmd("MIGRATE");
            migrate.arg("127.0.0.1").arg(&port).arg("").arg(0).arg(timeout_ms).arg("KEYS").arg(keys);
            migrate.exec_async(&mut from.connection).await?;
            sleep(random_duration(random, 0, 20)).await;
        }
        let assign = ["CLUSTER", "SETSLOT", slot, "NODE", &to.id.clone()];
        // The new owner is set first, so that the slot always has an owner.
        to.query::<()>(&assign).await?;
        from.query::<()>(&assign).await?;
        for node in others.iter_mut().chain(&mut replicas) {
            // The error is ignored, because a replica gets the assignment from its primary.
            let _ = node.query::<()>(&assign).await;
        }
    }
    Ok(full.len() as u64)
}

/// Freezes a primary for less time than the other nodes need to consider it dead.
pub(super) async fn freeze_shard(cluster: &RedisCluster, random: &mut StdRng) -> Result<u64> {
    let nodes = nodes(cluster).await?;
    let node = nodes.iter().filter(|node| node.is_primary).choose(random).context("the cluster has no primary")?;
    node.redis.pause();
    sleep(random_duration(random, 30, 900)).await;
    node.redis.resume();
    Ok(1)
}

pub(super) async fn kill_clients(cluster: &RedisCluster, random: &mut StdRng) -> Result<u64> {
    let mut killed = 0;
    for _ in 0..3 {
        for node in &mut nodes(cluster).await? {
            killed += node.query::<u64>(&KILL_CLIENTS).await?;
        }
        sleep(random_duration(random, 50, 400)).await;
    }
    Ok(killed)
}

/// A node and its role in the cluster.
struct Node<'a> {
    redis: &'a Redis,
    connection: MultiplexedConnection,
    id: String,
    is_primary: bool,
}

async fn nodes(cluster: &RedisCluster) -> Result<Vec<Node<'_>>> {
    let mut nodes = Vec::new();
    for redis in cluster.nodes().iter().chain(cluster.replicas()) {
        let connection = connect(&redis.url()).await?;
        let mut node = Node { redis, connection, id: String::new(), is_primary: false };
        node.id = node.query(&["CLUSTER", "MYID"]).await?;
        node.is_primary = node.is_primary().await?;
        nodes.push(node);
    }
    Ok(nodes)
}

async fn count_primaries(nodes: &mut [Node<'_>]) -> Result<usize> {
    let mut primaries = 0;
    for node in nodes {
        primaries += usize::from(node.is_primary().await?);
    }
    Ok(primaries)
}

impl Node<'_> {
    async fn query<T: FromRedisValue>(&mut self, words: &[&str]) -> Result<T> {
        let (name, arguments) = words.split_first().context("the command is empty")?;
        let mut command = cmd(name);
        command.arg(arguments);
        command.query_async(&mut self.connection).await.with_context(|| words.join(" "))
    }

    async fn is_primary(&mut self) -> Result<bool> {
        Ok(self.query::<String>(&["INFO", "replication"]).await?.contains("role:master"))
    }

    /// Makes the replica the primary of its shard. Redis rejects a failover while the replica has
    /// no connection to its primary, and abandons a slow failover. In both cases, the failover is
    /// requested again.
    async fn take_over(&mut self, deadline: Instant) -> Result<()> {
        let mut abandoned_at = Instant::now();
        while !self.is_primary().await? {
            let now = Instant::now();
            if now >= abandoned_at {
                match self.query::<()>(&["CLUSTER", "FAILOVER"]).await {
                    Ok(()) => abandoned_at = now + FAILOVER_ABANDONED,
                    Err(error) if now > deadline => return Err(error),
                    Err(_) => {}
                }
            }
            if now > deadline {
                bail!("the replica did not become the primary");
            }
            sleep(POLL_INTERVAL).await;
        }
        Ok(())
    }

    /// Returns the slots that the node serves.
    async fn slots(&mut self) -> Result<Vec<u16>> {
        let nodes: String = self.query(&["CLUSTER", "NODES"]).await?;
        parse_slots(&nodes).context("CLUSTER NODES does not list the node itself")
    }
}

/// Parses the slots in the line of `CLUSTER NODES` about the node itself: `0-5460 5462 [93->-…]`.
fn parse_slots(nodes: &str) -> Option<Vec<u16>> {
    let own = nodes.lines().find(|line| line.contains("myself"))?;
    let ranges = own.split(' ').skip(8).filter(|range| !range.starts_with('['));
    let slots = ranges.filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.trim().parse::<u16>().ok()?..=last.trim().parse::<u16>().ok()?)
    });
    Some(slots.flatten().collect())
}
