//! Every minute: finishes invalidations that the cache could not be told in time, and sweeps up what has expired.
//!
//! Repeatable and safe to run twice at once. What cannot be done now stays in the outbox for the next minute.

use serde::Serialize;
use serde_json::Value;
use shared::store;
use shared::{Result, State};

/// What was done.
#[derive(Debug, Serialize)]
pub struct Done {
    /// Invalidations that were finished.
    pub drained: usize,
    /// Expired sessions and idempotency keys that were deleted.
    pub purged: i64,
}

/// Handles the schedule's event, of which nothing is needed.
///
/// # Errors
/// When Redis or the database is away.
pub async fn handle(state: State, _event: Value) -> Result<Done> {
    // Whether or not Redis can be told: what a person wrote is not kept longer than promised.
    let purged = store::purge_expired(&state).await;
    let drained = store::drain_outbox(&state).await?;

    Ok(Done { drained, purged: purged? })
}
