//! The faults that are injected into the system while it is used. Each one is bounded, and is
//! healed when its function returns.

mod cluster;
mod environment;
mod network;
mod postgres;
mod redis;

use std::time::Duration;

use anyhow::Result;
use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::time::sleep;

use crate::system::System;

/// One kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Redis is frozen by SIGSTOP, and then continues with the commands that have arrived
    /// meanwhile.
    RedisFrozen,
    /// Redis is killed, stays down for a while and restarts empty.
    RedisKilled,
    /// `CLIENT KILL TYPE normal`, several times.
    RedisClientsKilled,
    /// Filler keys and a small `maxmemory` evict guards, markers and records.
    RedisFull,
    /// The replies of Redis are delayed.
    RedisRepliesDelayed,
    /// The commands to Redis are delayed, also those that no client waits for any more.
    RedisCommandsDelayed,
    /// The connections to Redis are reset.
    RedisConnectionsReset,
    /// New connections to Redis are refused.
    RedisConnectionsRefused,
    /// Packets to and from Redis are lost; the connections stay open.
    RedisBlackholed,
    /// The commands that clear markers are lost, and their connections with them.
    MarkerClearLost,
    /// Postgres shuts down cleanly and restarts.
    PostgresRestarted,
    /// `pg_terminate_backend` on every connection.
    PostgresTerminated,
    /// Postgres is frozen by SIGSTOP.
    PostgresFrozen,
    /// The responses of Postgres are delayed.
    PostgresRepliesDelayed,
    /// The connections to Postgres are reset.
    PostgresConnectionsReset,
    /// Packets on the open connections to Postgres are lost; the connections stay open.
    PostgresBlackholed,
    /// Busy environments are frozen, and thawed.
    EnvironmentsFrozen,
    /// Busy environments are killed.
    EnvironmentsKilled,
    /// Environments are killed after their statement was committed and before the marker was
    /// cleared.
    KilledAfterCommit,
    /// A replica takes over from its primary in a coordinated failover, which loses nothing.
    ShardFailedOver,
    /// Slots move from one shard to another, with their keys.
    SlotsMoved,
    /// A primary of the cluster is frozen for a moment.
    ShardFrozen,
    /// `CLIENT KILL TYPE normal` on every node of the cluster.
    ShardClientsKilled,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 23] = [
        Self::RedisFrozen,
        Self::RedisKilled,
        Self::RedisClientsKilled,
        Self::RedisFull,
        Self::RedisRepliesDelayed,
        Self::RedisCommandsDelayed,
        Self::RedisConnectionsReset,
        Self::RedisConnectionsRefused,
        Self::RedisBlackholed,
        Self::MarkerClearLost,
        Self::PostgresRestarted,
        Self::PostgresTerminated,
        Self::PostgresFrozen,
        Self::PostgresRepliesDelayed,
        Self::PostgresConnectionsReset,
        Self::PostgresBlackholed,
        Self::EnvironmentsFrozen,
        Self::EnvironmentsKilled,
        Self::KilledAfterCommit,
        Self::ShardFailedOver,
        Self::SlotsMoved,
        Self::ShardFrozen,
        Self::ShardClientsKilled,
    ];

    /// Returns the name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::RedisFrozen => "Redis frozen",
            Self::RedisKilled => "Redis killed, restarted empty",
            Self::RedisClientsKilled => "Redis CLIENT KILL",
            Self::RedisFull => "Redis full, evicting",
            Self::RedisRepliesDelayed => "Redis replies delayed",
            Self::RedisCommandsDelayed => "Redis commands delayed",
            Self::RedisConnectionsReset => "Redis connections reset",
            Self::RedisConnectionsRefused => "Redis connections refused",
            Self::RedisBlackholed => "Redis blackholed",
            Self::MarkerClearLost => "marker clear lost",
            Self::PostgresRestarted => "Postgres restarted",
            Self::PostgresTerminated => "pg_terminate_backend",
            Self::PostgresFrozen => "Postgres frozen",
            Self::PostgresRepliesDelayed => "Postgres replies delayed",
            Self::PostgresConnectionsReset => "Postgres connections reset",
            Self::PostgresBlackholed => "Postgres blackholed",
            Self::EnvironmentsFrozen => "environments frozen",
            Self::EnvironmentsKilled => "environments killed",
            Self::KilledAfterCommit => "killed after COMMIT",
            Self::ShardFailedOver => "shard failed over",
            Self::SlotsMoved => "slots moved",
            Self::ShardFrozen => "shard frozen",
            Self::ShardClientsKilled => "shards CLIENT KILL",
        }
    }

    /// Whether it can be injected into a system.
    pub fn applies_to(self, topology: Topology) -> bool {
        match self {
            Self::EnvironmentsFrozen | Self::EnvironmentsKilled => topology.has_environments,
            Self::KilledAfterCommit => topology.has_environments && !topology.clustered,
            Self::ShardFailedOver | Self::SlotsMoved | Self::ShardFrozen | Self::ShardClientsKilled => {
                topology.clustered
            }
            // The other faults behave alike on a cluster, and would only take time there.
            Self::PostgresRestarted | Self::PostgresTerminated => true,
            _ => !topology.clustered,
        }
    }

    /// Injects the fault, heals it, and returns the number of connections, environments, keys or
    /// slots that it affected.
    ///
    /// # Errors
    /// A server did not recover.
    pub async fn inject(self, system: &System, random: &mut StdRng) -> Result<u64> {
        match self {
            Self::RedisFrozen => redis::freeze(system, random).await,
            Self::RedisKilled => redis::kill(system, random).await,
            Self::RedisClientsKilled => redis::kill_clients(system, random).await,
            Self::RedisFull => redis::fill_up(system, random).await,
            Self::RedisRepliesDelayed => redis::delay_replies(system, random).await,
            Self::RedisCommandsDelayed => redis::delay_commands(system, random).await,
            Self::RedisConnectionsReset => redis::reset_connections(system, random).await,
            Self::RedisConnectionsRefused => redis::refuse_connections(system, random).await,
            Self::RedisBlackholed => redis::blackhole(system, random).await,
            Self::MarkerClearLost => redis::lose_marker_clears(system, random, false).await,
            Self::KilledAfterCommit => redis::lose_marker_clears(system, random, true).await,
            Self::PostgresRestarted => postgres::restart(system).await,
            Self::PostgresTerminated => postgres::terminate(system, random).await,
            Self::PostgresFrozen => postgres::freeze(system, random).await,
            Self::PostgresRepliesDelayed => postgres::delay_replies(system, random).await,
            Self::PostgresConnectionsReset => postgres::reset_connections(system, random).await,
            Self::PostgresBlackholed => postgres::blackhole(system, random).await,
            Self::EnvironmentsFrozen => environment::freeze(system, random).await,
            Self::EnvironmentsKilled => environment::kill(system, random).await,
            Self::ShardFailedOver => cluster::fail_over(system.redis_cluster()?, random).await,
            Self::SlotsMoved => cluster::move_slots(system.redis_cluster()?, random).await,
            Self::ShardFrozen => cluster::freeze_shard(system.redis_cluster()?, random).await,
            Self::ShardClientsKilled => cluster::kill_clients(system.redis_cluster()?, random).await,
        }
    }
}

/// The parts of the system that determine which faults apply.
#[derive(Debug, Clone, Copy)]
pub struct Topology {
    /// Whether Redis is a cluster.
    pub clustered: bool,
    /// Whether environments are processes.
    pub has_environments: bool,
}

/// Returns a random duration between two numbers of milliseconds.
fn random_duration(random: &mut StdRng, min: u64, max: u64) -> Duration {
    Duration::from_millis(random.random_range(min..=max))
}

/// Injects a fault a few times with short pauses, and returns the sum of its effects.
async fn repeat(random: &mut StdRng, mut inject: impl AsyncFnMut() -> Result<u64>) -> Result<u64> {
    let mut affected = 0;
    for _ in 0..random.random_range(2..=5) {
        affected += inject().await?;
        sleep(random_duration(random, 50, 400)).await;
    }
    Ok(affected)
}
