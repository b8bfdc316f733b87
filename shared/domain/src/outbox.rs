//! Invalidations that the cache could not be told in time, and what else must be swept up.

use db::Statement;
use tokio_postgres::types::Type;

use crate::error::{Error, Result};
use crate::store::Store;

/// How many rows are taken at a time.
const BATCH: i64 = 100;

pub(super) const PENDING: Statement =
    Statement { name: "outbox.pending", sql: "SELECT id, guard FROM cache_outbox ORDER BY id LIMIT $1" };
pub(super) const DONE: Statement =
    Statement { name: "outbox.done", sql: "DELETE FROM cache_outbox WHERE id = ANY($1)" };

/// Finishes what is in the outbox and returns how many rows that were. Repeatable, and safe to run in several places at once:
/// dropping a guard twice costs a miss.
///
/// # Errors
/// [`Error::Unavailable`] when Redis or the database is; what is left stays in the outbox.
pub async fn drain_outbox(store: &Store) -> Result<usize> {
    let mut drained = 0;
    let failures = store.cache.failures();
    loop {
        let rows = store.db.read(PENDING, &[(&BATCH, Type::INT8)]).await?;
        let ids = rows.iter().map(|row| row.try_get("id")).collect::<Result<Vec<i64>, _>>().map_err(Error::internal)?;
        let guards = rows.iter().map(|row| row.try_get("guard")).collect::<Result<Vec<String>, _>>();
        let guards = guards.map_err(Error::internal)?;
        if !ids.is_empty() {
            if !store.cache.invalidate(&guards).await {
                return Err(Error::unavailable("the cache could not be told what has changed"));
            }
            store.db.write(DONE, &[(&ids, Type::INT8_ARRAY)]).await?;
            drained += ids.len();
        }
        if ids.len() < BATCH as usize {
            store.cache.mark_drained(failures);
            return Ok(drained);
        }
    }
}

pub(super) const ENQUEUE: Statement =
    Statement { name: "outbox.enqueue", sql: "INSERT INTO cache_outbox (guard) SELECT unnest($1)" };

/// Hands guards over whose marker was set but could not be cleared. The marker lapses by itself within 30 s, and until then the database
/// answers; this is for a Redis that has lost the marker in a failover and brings the generation before it back. Best effort.
pub(super) async fn enqueue(store: &Store, guards: &[String]) {
    let guards = guards.to_vec();
    if let Err(error) = store.db.write(ENQUEUE, &[(&guards, Type::TEXT_ARRAY)]).await {
        tracing::warn!(%error, "an invalidation is left to the marker's end");
    }
}

pub(super) const PURGE: Statement = Statement {
    name: "outbox.purge_expired",
    sql: "WITH keys AS (
            DELETE FROM idempotency_keys WHERE (scope, endpoint, key_hash) IN (
                SELECT scope, endpoint, key_hash FROM idempotency_keys WHERE expires_at <= now() LIMIT 1000
            ) RETURNING 1
        ), dead AS (
            DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= now() LIMIT 1000) RETURNING 1
        )
        SELECT (SELECT count(*) FROM keys) + (SELECT count(*) FROM dead)",
};

/// How many times a thousand are deleted at most, so that there is time for the rest of the minute's work.
const ROUNDS: usize = 50;

/// Deletes idempotency keys and sessions whose time is over, a thousand of each at a time, and returns how many.
///
/// # Errors
/// [`Error::Unavailable`] when the database is; what is left is deleted the next time.
pub async fn purge_expired(store: &Store) -> Result<i64> {
    let mut purged = 0;
    for _ in 0..ROUNDS {
        let rows = store.db.write(PURGE, &[]).await?;
        let number: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0).map_err(Error::internal))?;
        if number == 0 {
            break;
        }
        purged += number;
    }
    Ok(purged)
}
