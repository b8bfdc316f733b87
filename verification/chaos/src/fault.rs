//! The faults that are injected into the system while it is used. Each fault is bounded, and is
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
    /// Redis is frozen by SIGSTOP. When it continues, it executes the commands that have arrived
    /// meanwhile.
    RedisFrozen,
    /// Redis is killed, stays down for a while, and restarts empty.
    RedisKilled,
    /// `CLIENT KILL TYPE normal` closes the connections to Redis, several times.
    RedisClientsKilled,
    /// Redis evicts guards, markers and records, because of filler keys and a small `maxmemory`.
    RedisFull,
    /// The replies of Redis are delayed.
    RedisRepliesDelayed,
    /// The commands to Redis are delayed. They arrive even if no client waits for them any more.
    RedisCommandsDelayed,
    /// The connections to Redis are reset.
    RedisConnectionsReset,
    /// Redis refuses new connections.
    RedisConnectionsRefused,
    /// Packets to and from Redis are lost, while the connections stay open.
    RedisBlackholed,
    /// The commands that clear markers are lost, together with their connections.
    MarkerClearLost,
    /// Postgres shuts down cleanly and restarts.
    PostgresRestarted,
    /// `pg_terminate_backend` terminates every connection to Postgres.
    PostgresTerminated,
    /// Postgres is frozen by SIGSTOP.
    PostgresFrozen,
    /// The responses of Postgres are delayed.
    PostgresRepliesDelayed,
    /// The connections to Postgres are reset.
    PostgresConnectionsReset,
    /// Packets on the open connections to Postgres are lost, while the connections stay open.
    PostgresBlackholed,
    /// Busy environments are frozen and thawed.
    EnvironmentsFrozen,
    /// Busy environments are killed.
    EnvironmentsKilled,
    /// Environments are killed after their statement was committed and before their marker is
    /// cleared.
    KilledAfterCommit,
    /// A replica replaces its primary in a coordinated failover, which loses no data.
    ShardFailedOver,
    /// Slots and their keys move from one shard to another.
    SlotsMoved,
    /// A primary of the cluster is frozen for up to 0.9 s.
    ShardFrozen,
    /// `CLIENT KILL TYPE normal` closes the connections to every node of the cluster.
    ShardClientsKilled,
}

impl Fault {
    /// Every fault, in the order of declaration.
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

    /// Returns the name of the fault in the report.
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

    /// Returns whether the fault can be injected into a system.
    pub fn applies_to(self, topology: Topology) -> bool {
        match self {
            Self::EnvironmentsFrozen | Self::EnvironmentsKilled => topology.has_environments,
            Self::KilledAfterCommit => topology.has_environments && !topology.clustered,
            Self::ShardFailedOver | Self::SlotsMoved | Self::ShardFrozen | Self::ShardClientsKilled => {
                topology.clustered
            }
            // The other faults have the same effects on a cluster, and would only make the run
            // longer.
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
    /// Whether the environments are processes, which can be frozen and killed.
    pub has_environments: bool,
}

/// Returns a random duration from `min` to `max` milliseconds.
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
