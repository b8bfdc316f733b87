//! Invalidations that the cache could not receive in time, and the deletion of what has expired.

use crate::error::{Error, Result};
use crate::query::sql;
use crate::store::Store;

/// How many rows are drained at a time.
const BATCH: i64 = 100;
/// How many times a thousand rows are purged at most, so that there is time for the rest of the minute's work.
const ROUNDS: usize = 50;

/// The outbox of the cache.
#[derive(Clone, Copy)]
pub struct Outbox<'a> {
    pub(crate) store: &'a Store,
}

impl Outbox<'_> {
    /// Clears the guards in the outbox, and returns how many rows there were. Repeatable, and safe to run in several places at once:
    /// clearing a guard twice costs a miss.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if Redis or the database is unavailable; what is left stays in the outbox.
    pub async fn drain(self) -> Result<usize> {
        let Self { store } = self;
        let mut drained = 0;
        let failures = store.cache.failures();
        loop {
            let rows = store.read(&sql::outbox::Pending { limit: BATCH }).await?;
            let ids: Vec<i64> =
                rows.iter().map(|row| row.try_get("id")).collect::<Result<_, _>>().map_err(Error::internal)?;
            let guards: Vec<String> =
                rows.iter().map(|row| row.try_get("guard")).collect::<Result<_, _>>().map_err(Error::internal)?;
            if !ids.is_empty() {
                if !store.cache.invalidate(&guards).await {
                    return Err(Error::unavailable("the cache could not be told what has changed"));
                }
                store.write(&sql::outbox::Done { ids: &ids }).await?;
                drained += ids.len();
            }
            if ids.len() < BATCH as usize {
                store.cache.mark_drained(failures);
                return Ok(drained);
            }
        }
    }

    /// Enqueues guards that were marked but could not be cleared. The marker expires within 30 s, and until then the database answers; this
    /// is for a Redis that loses the marker in a failover and restores the generation before it. Best effort.
    pub(crate) async fn enqueue(self, guards: &[String]) {
        if let Err(error) = self.store.write(&sql::outbox::Enqueue { guards }).await {
            tracing::warn!(%error, "could not enqueue the invalidation; it completes when the write marker expires");
        }
    }

    /// Deletes expired idempotency keys and sessions, a thousand of each at a time, and returns how many.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database is unavailable; the next run deletes what is left.
    pub async fn purge_expired(self) -> Result<i64> {
        let mut purged = 0;
        for _ in 0..ROUNDS {
            let rows = self.store.write(&sql::outbox::PurgeExpired {}).await?;
            let number: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0).map_err(Error::internal))?;
            if number == 0 {
                break;
            }
            purged += number;
        }
        Ok(purged)
    }
}
