//! Writes that are done once for an `Idempotency-Key`.

use cache::WriteGuard;
use db::{Param, Statement};
use serde::de::DeserializeOwned;
use tokio_postgres::types::{Json, Type};

use super::Token;
use super::authenticated::{self, Written, session_expired};
use super::idempotency::{self, IdempotencyKey};
use crate::error::{Error, Result};
use crate::store::Store;

/// What a write that is done once for a key came to.
pub(super) struct IdempotentOutcome<T> {
    /// What it answers, if the session is alive.
    answer: Result<Option<T>>,
    /// Whether the cache is known to hold nothing older. If not, it will within a minute.
    pub(super) cleared: bool,
}

impl<T> IdempotentOutcome<T> {
    /// What it answers, or `None` where nothing was done: because there is nothing to do it to, or another version of it.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when the session is not alive.
    pub(super) fn answer(self) -> Result<Option<T>> {
        self.answer
    }

    /// What a request that ends its session answers. Of two copies at once, the second waits for the first and then finds the session over: under a
    /// key that is [bound](IdempotencyKey::bound_to) to the token it gets the first answer.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when the session is not alive and was not ended by this request, [`Error::Unavailable`] when the database is away.
    pub(super) async fn answer_or_ended(self, store: &Store, token: &Token, key: Option<&IdempotencyKey>) -> Result<T>
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

/// Runs a statement made by `authenticated!(once …)`. A repetition under the same key does nothing and gets the first answer.
///
/// # Errors
/// [`Error::IdempotencyKeyReused`], or [`Error::Unavailable`] when the database is away.
pub(super) async fn write<T: DeserializeOwned>(
    store: &Store,
    guard: WriteGuard,
    token: &Token,
    key: Option<&IdempotencyKey>,
    statement: Statement,
    params: &[Param<'_>],
) -> Result<IdempotentOutcome<T>> {
    let kept = idempotency::columns(key);
    let mut all: Vec<Param<'_>> =
        vec![(&kept.endpoint, Type::TEXT), (&kept.key_hash, Type::BYTEA), (&kept.request_hash, Type::BYTEA)];
    all.extend_from_slice(params);
    let guards = guard.guards().to_vec();
    match authenticated::write(store, guard, token, statement, &all).await {
        Ok(Written { rows, cleared }) => {
            let answer = rows.first().map(|row| row.try_get::<_, Option<Json<T>>>("response")).transpose();
            let answer =
                answer.map_err(Error::internal)?.map(|answer| answer.map(|json| json.0)).ok_or_else(session_expired);
            Ok(IdempotentOutcome { answer, cleared })
        }
        Err(error) if error.violates(idempotency::CONSTRAINT) => {
            let first = idempotency::replay(store, token.user_id().0, key).await?.ok_or_else(idempotency::expired)?;
            // Whether the first could say so is not known.
            let cleared = store.cache.invalidate(&guards).await;
            Ok(IdempotentOutcome { answer: Ok(Some(first)), cleared })
        }
        Err(error) => Err(error.into()),
    }
}
