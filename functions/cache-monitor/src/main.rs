//! Runs every minute: completes pending cache invalidations, deletes expired rows, and publishes
//! the metrics that only Redis and `ElastiCache` have.
//!
//! The function is repeatable, and two invocations may run at the same time. A step that fails is
//! left for the next minute and does not prevent the other steps.

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

/// The state that an environment retains from one invocation to the next.
#[derive(Clone)]
struct Monitor {
    state: AppState,
    nodes: Option<Nodes>,
    /// The number of keys that Redis had evicted by the previous invocation, or [`UNKNOWN`] before
    /// the first.
    evicted: Arc<AtomicU64>,
}

/// The value of [`Monitor::evicted`] before the first reading.
const UNKNOWN: u64 = u64::MAX;

impl TryFrom<Variables> for Monitor {
    type Error = StartupError;

    fn try_from(variables: Variables) -> Result<Self, StartupError> {
        let state = AppState::try_from(variables)?;
        Ok(Self { nodes: state.cache_id.clone().map(Nodes::new), state, evicted: Arc::new(AtomicU64::new(UNKNOWN)) })
    }
}

/// The result of an invocation.
#[derive(Debug, Serialize)]
struct Outcome {
    /// The number of invalidations that were completed.
    drained: usize,
    /// The number of expired sessions and idempotency keys that were deleted.
    purged: i64,
}

/// Handles an event of the schedule, whose contents are not needed.
///
/// # Errors
/// Redis or the database is unavailable.
async fn handle(monitor: Monitor, _event: Value) -> Result<Outcome> {
    let state = &monitor.state;
    let drained = state.store.outbox().drain().await;
    if let Ok(finished) = &drained {
        metrics::emit(&Published::new(Timestamp::now(), &OutboxReading { cache_outbox: *finished as u64 }));
    }
    // Runs even if the drain failed: an idempotency key has text that a user wrote, and must not be
    // kept for longer than promised.
    let purged = state.store.outbox().purge_expired().await;
    let published = monitor.publish().await;
    if let Some(nodes) = &monitor.nodes {
        nodes.publish().await;
    }

    let outcome = Outcome { drained: drained?, purged: purged? };
    published.map(|()| outcome)
}

impl Monitor {
    /// Publishes the readings of Redis, and the share of its memory budget that each family uses. A
    /// value that Redis does not report is omitted, not published as zero.
    async fn publish(&self) -> Result<()> {
        let memory_stats = self.state.store.cache.memory_stats().await.map_err(Error::unavailable)?;
        let now = Timestamp::now();
        if let (Some(usage), Some(keys)) = (memory_stats.usage, memory_stats.keys) {
            let before = self.evicted.swap(usage.evicted, Ordering::Relaxed);
            // A server that has restarted counts from zero again.
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
                tracing::warn!(family, bytes = share.bytes, budget, "a cache family exceeds its memory budget");
            }
            let memory = FamilyMemory { family_keys: share.keys, family_bytes: share.bytes, family_budget_used: used };
            metrics::emit(&Published::of_family(now, family, &memory));
        }
        Ok(())
    }
}

/// Returns a share in percent with one decimal, or 0 if the whole is 0.
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64 * 1000.0).round() / 10.0 }
}
