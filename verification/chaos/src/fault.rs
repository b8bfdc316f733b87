//! What is done to the system while it is used. Each fault is bounded, and has been healed when it returns.

mod cluster;
mod environment;
mod postgres;
mod redis;

use std::time::Duration;

use anyhow::Result;
use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::time::sleep;

use crate::stage::Stage;

/// One kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Redis is frozen by SIGSTOP, and goes on with what has piled up.
    RedisFrozen,
    /// Redis is killed, stays away for a while and comes back empty.
    RedisKilled,
    /// `CLIENT KILL TYPE normal`, several times.
    RedisClientsKilled,
    /// Fillers and a small `maxmemory` evict guards, markers and records.
    RedisFull,
    /// Answers of Redis come late.
    RedisSlow,
    /// Commands reach Redis late, also those that nobody waits for any more.
    RedisHeld,
    /// Connections to Redis are reset.
    RedisReset,
    /// Connections to Redis are refused.
    RedisRefused,
    /// Nothing passes to Redis or back, and nobody is told.
    RedisSilent,
    /// The clearing of markers disappears, and the connection with it.
    ClearingLost,
    /// Postgres stops in order and starts again.
    PostgresRestarted,
    /// `pg_terminate_backend` on every connection.
    PostgresTerminated,
    /// Postgres is frozen by SIGSTOP.
    PostgresFrozen,
    /// Answers of Postgres come late.
    PostgresSlow,
    /// Connections to Postgres are reset.
    PostgresReset,
    /// The open connections to Postgres pass nothing on any more, and nobody is told.
    PostgresSilent,
    /// Environments are frozen in the middle of what they do, and thawed.
    EnvironmentsFrozen,
    /// Environments are killed in the middle of what they do.
    EnvironmentsKilled,
    /// Environments are killed after their statement was committed and before the marker was cleared.
    KilledAfterCommit,
    /// A replica takes over from its primary in a coordinated way, which loses nothing.
    FailedOver,
    /// Slots move from one shard to another, with what is in them.
    SlotsMoved,
    /// A primary of the cluster is frozen for a moment.
    NodeFrozen,
    /// `CLIENT KILL TYPE normal` on every node of the cluster.
    NodeClientsKilled,
}

/// On which system, and what of it, the faults strike.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Whether Redis is a cluster.
    pub clustered: bool,
    /// Whether environments are processes.
    pub has_environments: bool,
}

impl Fault {
    /// All that there are.
    pub const ALL: [Self; 23] = [
        Self::RedisFrozen,
        Self::RedisKilled,
        Self::RedisClientsKilled,
        Self::RedisFull,
        Self::RedisSlow,
        Self::RedisHeld,
        Self::RedisReset,
        Self::RedisRefused,
        Self::RedisSilent,
        Self::ClearingLost,
        Self::PostgresRestarted,
        Self::PostgresTerminated,
        Self::PostgresFrozen,
        Self::PostgresSlow,
        Self::PostgresReset,
        Self::PostgresSilent,
        Self::EnvironmentsFrozen,
        Self::EnvironmentsKilled,
        Self::KilledAfterCommit,
        Self::FailedOver,
        Self::SlotsMoved,
        Self::NodeFrozen,
        Self::NodeClientsKilled,
    ];

    /// What the report calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::RedisFrozen => "Redis frozen",
            Self::RedisKilled => "Redis killed, back empty",
            Self::RedisClientsKilled => "Redis CLIENT KILL",
            Self::RedisFull => "Redis full, evicting",
            Self::RedisSlow => "Redis answers late",
            Self::RedisHeld => "Redis asked late",
            Self::RedisReset => "Redis connections reset",
            Self::RedisRefused => "Redis refuses",
            Self::RedisSilent => "Redis silent",
            Self::ClearingLost => "clearing lost",
            Self::PostgresRestarted => "Postgres restarted",
            Self::PostgresTerminated => "pg_terminate_backend",
            Self::PostgresFrozen => "Postgres frozen",
            Self::PostgresSlow => "Postgres answers late",
            Self::PostgresReset => "Postgres connections reset",
            Self::PostgresSilent => "Postgres connections silent",
            Self::EnvironmentsFrozen => "environments frozen",
            Self::EnvironmentsKilled => "environments killed",
            Self::KilledAfterCommit => "killed after COMMIT",
            Self::FailedOver => "shard failed over",
            Self::SlotsMoved => "slots moved",
            Self::NodeFrozen => "shard frozen",
            Self::NodeClientsKilled => "shards CLIENT KILL",
        }
    }

    /// Whether it can strike there.
    pub fn suits(self, target: Target) -> bool {
        match self {
            Self::EnvironmentsFrozen | Self::EnvironmentsKilled => target.has_environments,
            Self::KilledAfterCommit => target.has_environments && !target.clustered,
            Self::FailedOver | Self::SlotsMoved | Self::NodeFrozen | Self::NodeClientsKilled => target.clustered,
            // What does not differ on a cluster would only take its time there.
            Self::PostgresRestarted | Self::PostgresTerminated => true,
            _ => !target.clustered,
        }
    }

    /// Strikes, heals, and tells how often it has struck: connections, environments, slots.
    ///
    /// # Errors
    /// A server did not come back.
    pub async fn strike(self, stage: &Stage, random: &mut StdRng) -> Result<u64> {
        match self {
            Self::RedisFrozen => redis::freeze(stage, random).await,
            Self::RedisKilled => redis::kill(stage, random).await,
            Self::RedisClientsKilled => redis::kill_clients(stage, random).await,
            Self::RedisFull => redis::fill_up(stage, random).await,
            Self::RedisSlow => redis::slow(stage, random).await,
            Self::RedisHeld => redis::hold(stage, random).await,
            Self::RedisReset => redis::reset(stage, random).await,
            Self::RedisRefused => redis::refuse(stage, random).await,
            Self::RedisSilent => redis::silence(stage, random).await,
            Self::ClearingLost => redis::lose_clearing(stage, random, false).await,
            Self::KilledAfterCommit => redis::lose_clearing(stage, random, true).await,
            Self::PostgresRestarted => postgres::restart(stage).await,
            Self::PostgresTerminated => postgres::terminate(stage, random).await,
            Self::PostgresFrozen => postgres::freeze(stage, random).await,
            Self::PostgresSlow => postgres::slow(stage, random).await,
            Self::PostgresReset => postgres::reset(stage, random).await,
            Self::PostgresSilent => postgres::silence(stage, random).await,
            Self::EnvironmentsFrozen => environment::freeze(stage, random).await,
            Self::EnvironmentsKilled => environment::kill(stage, random).await,
            Self::FailedOver => cluster::fail_over(stage, random).await,
            Self::SlotsMoved => cluster::move_slots(stage, random).await,
            Self::NodeFrozen => cluster::freeze_node(stage, random).await,
            Self::NodeClientsKilled => cluster::kill_clients(stage, random).await,
        }
    }
}

/// A time between two, in milliseconds.
fn between(random: &mut StdRng, least: u64, most: u64) -> Duration {
    Duration::from_millis(random.random_range(least..=most))
}

/// Does something a few times with short pauses, and counts.
async fn several(random: &mut StdRng, mut strike: impl AsyncFnMut() -> Result<u64>) -> Result<u64> {
    let mut struck = 0;
    for _ in 0..random.random_range(2..=5) {
        struck += strike().await?;
        sleep(between(random, 50, 400)).await;
    }
    Ok(struck)
}
