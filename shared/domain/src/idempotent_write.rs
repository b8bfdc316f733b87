//! Writes that take effect only once under an `Idempotency-Key`.

use cache::WriteGuard;
use serde::de::DeserializeOwned;
use tokio_postgres::types::Json;

use crate::authenticated::{Written, execute_guarded, session_expired};
use crate::error::{Error, Result};
use crate::idempotency::{self, IdempotencyKey};
use crate::query::{Query, WriteContext};
use crate::store::Store;
use crate::token::Token;

/// The result of a write that takes effect only once under a key.
pub(crate) struct IdempotentOutcome<T> {
    answer: Result<Option<T>>,
    /// Whether the cache is known to have no older record. If not, the outbox clears it within a
    /// minute.
    pub(crate) cleared: bool,
}

impl<T> IdempotentOutcome<T> {
    /// Returns the response, or `None` if nothing was changed, because there is no such record or
    /// it has another version.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the session is not live.
    pub(crate) fn answer(self) -> Result<Option<T>> {
        self.answer
    }

    /// Returns the response of a request that ends its own session.
    ///
    /// If two copies race, the second waits for the first and then finds the session ended. Under a
    /// key that is [bound](IdempotencyKey::bound_to) to the token, it gets the first response.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the session is not live and this request did not end it,
    /// [`Error::Unavailable`] if the database is unavailable.
    pub(crate) async fn answer_or_ended(self, store: &Store, token: &Token, key: Option<&IdempotencyKey>) -> Result<T>
    where
        T: DeserializeOwned,
    {
        match self.answer {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) | Err(Error::Unauthenticated(_)) => {
                idempotency::ended(store, token, key).await?.ok_or_else(session_expired)
            }
            Err(error) => Err(error),
        }
    }
}

/// Executes a write. A repetition under the same key has no effect, and gets the first response.
///
/// # Errors
/// [`Error::IdempotencyKeyReused`], or [`Error::Unavailable`] if the database is unavailable.
pub(crate) async fn write<Q: Query<Context = WriteContext>, T: DeserializeOwned>(
    store: &Store,
    guard: WriteGuard,
    token: &Token,
    key: Option<&IdempotencyKey>,
    query: &Q,
) -> Result<IdempotentOutcome<T>> {
    let guards = guard.guards().to_vec();
    match execute(store, guard, token, key, query).await {
        Ok(Written { rows, cleared }) => {
            let answer = rows.first().map(|row| row.try_get::<_, Option<Json<T>>>("response")).transpose();
            let answer =
                answer.map_err(Error::internal)?.map(|answer| answer.map(|json| json.0)).ok_or_else(session_expired);
            Ok(IdempotentOutcome { answer, cleared })
        }
        Err(error) if error.violates(idempotency::CONSTRAINT) => {
            let first = idempotency::replay(store, token.user_id().0, key).await?.ok_or_else(idempotency::expired)?;
            // It is unknown whether the first request could clear the cache.
            let cleared = store.cache.invalidate(&guards).await;
            Ok(IdempotentOutcome { answer: Ok(Some(first)), cleared })
        }
        Err(error) => Err(error.into()),
    }
}

/// Executes a write, and returns its rows. A repetition under the same key fails, because it
/// violates [`idempotency::CONSTRAINT`].
pub(crate) async fn execute<Q: Query<Context = WriteContext>>(
    store: &Store,
    guard: WriteGuard,
    token: &Token,
    key: Option<&IdempotencyKey>,
    query: &Q,
) -> Result<Written, db::Error> {
    let columns = idempotency::columns(key);
    let context = WriteContext {
        token_hash: token.hash().to_vec(),
        user_id: token.user_id().0,
        unmarked_guards: guard.unmarked().to_vec(),
        endpoint: columns.endpoint,
        key_hash: columns.key_hash,
        request_hash: columns.request_hash,
    };
    execute_guarded(store, guard, Q::STATEMENT, &query.params(&context)).await
}
