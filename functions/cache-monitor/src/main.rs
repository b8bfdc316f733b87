//! Every minute: finishes invalidations that the cache could not be told in time, sweeps up what has expired, and publishes what only Redis and
//! `ElastiCache` know.
//!
//! Repeatable and safe to run twice at once. What cannot be done now stays for the next minute, and keeps nothing else from being done.

mod nodes;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use shared::config::Variables;
use shared::domain::MEMORY_BUDGETS;
use shared::metrics::{self, CacheReading, FamilyMemory, OutboxReading, Published};
use shared::state::StartupError;
use shared::{AppState, Error, Result};

use self::nodes::Nodes;

fn main() -> ExitCode {
    shared::run_event(handle)
}

/// What an environment keeps from one minute to the next.
#[derive(Clone)]
struct Monitor {
    state: AppState,
    nodes: Option<Nodes>,
    /// Evictions up to the last time; none before the first.
    evicted: Arc<AtomicU64>,
}

/// Stands for no earlier reading.
const UNKNOWN: u64 = u64::MAX;

impl TryFrom<Variables> for Monitor {
    type Error = StartupError;

    fn try_from(variables: Variables) -> Result<Self, StartupError> {
        let state = AppState::try_from(variables)?;
        Ok(Self { nodes: state.cache_id.clone().map(Nodes::new), state, evicted: Arc::new(AtomicU64::new(UNKNOWN)) })
    }
}

/// What was done.
#[derive(Debug, Serialize)]
struct Empty {
    /// Invalidations that were finished.
    drained: usize,
    /// Expired sessions and idempotency keys that were deleted.
    purged: i64,
}

/// Handles the schedule's event, of which nothing is needed.
///
/// # Errors
/// When Redis or the database is away.
async fn handle(monitor: Monitor, _event: Value) -> Result<Empty> {
    let state = &monitor.state;
    let drained = state.store.outbox().drain().await;
    if let Ok(finished) = &drained {
        metrics::emit(&Published::new(Timestamp::now(), &OutboxReading { cache_outbox: *finished as u64 }));
    }
    // Whether or not Redis can be told: what a person wrote is not kept longer than promised.
    let purged = state.store.outbox().purge_expired().await;
    let published = monitor.publish().await;
    if let Some(nodes) = &monitor.nodes {
        nodes.publish().await;
    }

    let done = Empty { drained: drained?, purged: purged? };
    published.map(|()| done)
}

impl Monitor {
    /// Publishes what Redis tells, and how much of its budget each family takes up. What it refuses to tell is missing, and not nought.
    async fn publish(&self) -> Result<()> {
        let memory_stats = self.state.store.cache.memory_stats().await.map_err(Error::unavailable)?;
        let now = Timestamp::now();
        if let (Some(usage), Some(keys)) = (memory_stats.usage, memory_stats.keys) {
            let before = self.evicted.swap(usage.evicted, Ordering::Relaxed);
            // A server that was started anew counts from nought.
            let evictions = if before == UNKNOWN { 0 } else { usage.evicted.saturating_sub(before) };
            let reading = CacheReading {
                cache_memory: usage.memory,
                cache_memory_used: percent(usage.memory, usage.memory_limit),
                cache_evictions: evictions,
                cache_keys: keys,
                cache_clients: usage.clients,
            };
            metrics::emit(&Published::new(now, &reading));
        }

        for (family, names, budget) in MEMORY_BUDGETS {
            let Some(share) = memory_stats.family_usage(names) else { continue };
            let used = percent(share.bytes, budget);
            if used > 100.0 {
                tracing::warn!(family, bytes = share.bytes, budget, "a family is over its budget");
            }
            let memory = FamilyMemory { family_keys: share.keys, family_bytes: share.bytes, family_budget_used: used };
            metrics::emit(&Published::of_family(now, family, &memory));
        }
        Ok(())
    }
}

/// With one decimal; 0 of nothing.
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64 * 1000.0).round() / 10.0 }
}
