//! Invalidations that could not reach the cache in time, and the deletion of expired rows.

use crate::error::{Error, Result};
use crate::query::sql;
use crate::store::Store;

/// The number of rows that are drained at a time.
const BATCH: i64 = 100;
/// The maximum number of rounds of a purge, so that there is time for the rest of the minute's
/// work. A round deletes up to a thousand expired keys and a thousand expired sessions.
const ROUNDS: usize = 50;

/// The operations on the outbox of the cache.
#[derive(Clone, Copy)]
pub struct Outbox<'a> {
    pub(crate) store: &'a Store,
}

impl Store {
    /// Returns the operations on pending invalidations.
    pub fn outbox(&self) -> Outbox<'_> {
        Outbox { store: self }
    }
}

impl Outbox<'_> {
    /// Clears the guards in the outbox, and returns the number of rows.
    ///
    /// Several environments may drain the outbox at the same time: clearing a guard twice only
    /// costs a miss.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if Redis or the database is unavailable. The remaining rows stay in
    /// the outbox.
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
                    return Err(Error::unavailable("the cache could not be invalidated; the rows stay in the outbox"));
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

    /// Enqueues guards that were marked but could not be cleared.
    ///
    /// Their markers expire within 30 s, and the database answers until then. The outbox is needed
    /// if Redis loses a marker in a failover and restores the generation before it. A failure is
    /// only logged.
    pub(crate) async fn enqueue(self, guards: &[String]) {
        if let Err(error) = self.store.write(&sql::outbox::Enqueue { guards }).await {
            tracing::warn!(%error, "could not enqueue the invalidation; it completes when the write marker expires");
        }
    }

    /// Deletes expired idempotency keys and sessions, up to a thousand of each at a time, and
    /// returns their number.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database is unavailable. The next run deletes the remaining
    /// rows.
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
