//! `Idempotency-Key`: the same request sent again gets the first result.
//!
//! The key is stored by the very statement that has the effect, so that neither can be there without the other, also when the process
//! dies in between or two copies run at once: the second breaks the primary key, which undoes it, and then reads what the first has
//! stored.

use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use tokio_postgres::types::Json;
use uuid::Uuid;

use crate::authenticated;
use crate::error::{Error, Result};
use crate::query::sql;
use crate::store::Store;
use crate::token::Token;

/// What a repetition violates.
pub(super) const CONSTRAINT: &str = "idempotency_keys_pkey";

/// A client's key for one request, with what tells that request from others.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    endpoint: &'static str,
    key_hash: Vec<u8>,
    request_hash: Vec<u8>,
}

impl IdempotencyKey {
    /// A key with the parts of the request that it was sent with. Of all of it only digests are kept; the request's is keyed, because a short body
    /// could be guessed from a plain one.
    pub fn new(store: &Store, endpoint: &'static str, key: &str, request: &[&[u8]]) -> Self {
        let parts = [&[b"request", endpoint.as_bytes()], request].concat();
        let request_hash = store.hmac_key.hmac(&parts).to_vec();
        Self { endpoint, key_hash: Sha256::digest(key.as_bytes()).to_vec(), request_hash }
    }

    /// The same key for whoever holds this token alone: the proof of who repeats a request that has ended their session.
    #[must_use]
    pub fn bound_to(self, store: &Store, token: &Token) -> Self {
        let request_hash = store.hmac_key.hmac(&[b"bound", &self.request_hash, &token.hash()]).to_vec();
        Self { request_hash, ..self }
    }

    pub(super) fn hash(&self) -> &[u8] {
        &self.key_hash
    }
}

/// The answer of a change that has nothing to tell.
#[derive(Debug, serde::Deserialize)]
pub struct Empty {}

/// The columns of a key, all null without one.
pub(super) struct Columns {
    pub(super) endpoint: Option<&'static str>,
    pub(super) key_hash: Option<Vec<u8>>,
    pub(super) request_hash: Option<Vec<u8>>,
}

pub(super) fn columns(key: Option<&IdempotencyKey>) -> Columns {
    Columns {
        endpoint: key.map(|key| key.endpoint),
        key_hash: key.map(|key| key.key_hash.clone()),
        request_hash: key.map(|key| key.request_hash.clone()),
    }
}

/// The scope of a caller who has no account yet: the keys of two people never meet.
pub(super) fn pseudonymous_scope(store: &Store, name: &str) -> Uuid {
    let pseudonym = store.hmac_key.hmac(&[b"scope", name.as_bytes()]);
    uuid::Builder::from_custom_bytes(pseudonym.first_chunk().copied().unwrap_or_default()).into_uuid()
}

/// The first result under a key, or `None` when there is no key or nothing is kept under it.
///
/// # Errors
/// [`Error::IdempotencyKeyReused`] when the first request was another one.
pub(super) async fn replay<T: DeserializeOwned>(
    store: &Store,
    scope: Uuid,
    key: Option<&IdempotencyKey>,
) -> Result<Option<T>> {
    let Some(key) = key else { return Ok(None) };
    let query = sql::idempotency::Replay {
        scope,
        endpoint: key.endpoint,
        key_hash: &key.key_hash,
        request_hash: &key.request_hash,
    };
    let rows = store.write(&query).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    if !row.try_get::<_, bool>("same").map_err(Error::internal)? {
        return Err(Error::IdempotencyKeyReused);
    }
    let Json(response): Json<Box<serde_json::value::RawValue>> = row.try_get("response").map_err(Error::internal)?;
    // Without the parser's message, which would quote what a person wrote.
    serde_json::from_str(response.get()).map(Some).map_err(|_| Error::internal("a kept response cannot be read"))
}

/// The first result of a request that has ended the session it came with, under a key that is [bound](IdempotencyKey::bound_to) to the token.
///
/// # Errors
/// [`Error::Unavailable`] when the database is.
pub(super) async fn ended<T: DeserializeOwned>(
    store: &Store,
    token: &Token,
    key: Option<&IdempotencyKey>,
) -> Result<Option<T>> {
    let Some(key) = key else { return Ok(None) };
    let query = sql::idempotency::Ended {
        scope: token.user_id().0,
        endpoint: key.endpoint,
        key_hash: &key.key_hash,
        request_hash: &key.request_hash,
    };
    let rows = store.read(&query).await?;
    let first = rows.first().map(|row| row.try_get::<_, Json<T>>("response")).transpose().map_err(Error::internal)?;
    Ok(first.map(|json| json.0))
}

/// The first result of a change that cannot be made twice: what it was made to is another version now, or gone.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is not alive, [`Error::IdempotencyKeyReused`], [`Error::Unavailable`] when the database is away.
async fn first_result<T: DeserializeOwned>(
    store: &Store,
    token: &Token,
    key: Option<&IdempotencyKey>,
) -> Result<Option<T>> {
    let Some(key) = key else { return Ok(None) };
    let query = sql::idempotency::First { sent_to: key.endpoint, key: &key.key_hash, request: &key.request_hash };
    let rows = authenticated::fetch(store, token, &query).await?;
    let row = rows.first().ok_or_else(authenticated::session_expired)?;
    match row.try_get("same").map_err(Error::internal)? {
        None => Ok(None),
        Some(false) => Err(Error::IdempotencyKeyReused),
        Some(true) => row.try_get::<_, Json<T>>("response").map(|json| Some(json.0)).map_err(Error::internal),
    }
}

/// The result of a change that cannot be made twice; where it could not be made, the first result under its key, if there is one.
///
/// # Errors
/// As the change; [`Error::Unauthenticated`] and [`Error::IdempotencyKeyReused`] where it could not be made.
pub(crate) async fn or_replay<T: DeserializeOwned>(
    store: &Store,
    token: &Token,
    key: Option<&IdempotencyKey>,
    result: Result<T>,
) -> Result<T> {
    match result {
        Err(error @ (Error::NotFound(_) | Error::PreconditionFailed)) => {
            first_result(store, token, key).await?.ok_or(error)
        }
        result => result,
    }
}

/// The key's time had ended, and now it is gone: the same request may be sent again and starts afresh.
pub(super) fn expired() -> Error {
    Error::unavailable("an expired Idempotency-Key was in the way")
}
