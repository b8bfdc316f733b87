//! `Idempotency-Key`: a repetition of a request gets the first result.
//!
//! The statement that has the effect also stores the key. Neither exists without the other, even if
//! the process dies or two copies of the request run at the same time. The second copy violates the
//! primary key, which rolls it back. It then reads the result of the first copy.

use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use tokio_postgres::types::Json;
use uuid::Uuid;

use crate::authenticated;
use crate::error::{Error, Result};
use crate::query::sql;
use crate::store::Store;
use crate::token::Token;

/// The constraint that a repetition violates.
pub(super) const CONSTRAINT: &str = "idempotency_keys_pkey";

/// A client's key for a request, with a digest that distinguishes the request from others.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    endpoint: &'static str,
    key_hash: Vec<u8>,
    request_hash: Vec<u8>,
}

impl IdempotencyKey {
    /// Creates a key from the text of the header and the parts of its request.
    ///
    /// Retains only digests. The digest of the request is keyed, because a short body could be
    /// guessed from a plain digest.
    pub fn new(store: &Store, endpoint: &'static str, key: &str, request: &[&[u8]]) -> Self {
        let parts = [&[b"request", endpoint.as_bytes()], request].concat();
        let request_hash = store.hmac_key.hmac(&parts).to_vec();
        Self { endpoint, key_hash: Sha256::digest(key.as_bytes()).to_vec(), request_hash }
    }

    /// Binds the key to a token: only a caller with this token gets the first result. The token
    /// proves the caller's identity when the request has ended its session.
    #[must_use]
    pub fn bound_to(self, store: &Store, token: &Token) -> Self {
        let request_hash = store.hmac_key.hmac(&[b"bound", &self.request_hash, &token.hash()]).to_vec();
        Self { request_hash, ..self }
    }

    pub(super) fn hash(&self) -> &[u8] {
        &self.key_hash
    }
}

/// The result of a change that returns nothing.
#[derive(Debug, serde::Deserialize)]
pub struct Empty {}

/// The columns of a key, all `None` without a key.
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

/// Returns the scope of the keys of a caller without an account, so that the keys of two people
/// never collide.
pub(super) fn pseudonymous_scope(store: &Store, name: &str) -> Uuid {
    let pseudonym = store.hmac_key.hmac(&[b"scope", name.as_bytes()]);
    uuid::Builder::from_custom_bytes(pseudonym.first_chunk().copied().unwrap_or_default()).into_uuid()
}

/// Returns the first result under a key, or `None` if there is no key or the key has no result.
///
/// # Errors
/// [`Error::IdempotencyKeyReused`] if the first request was a different one, and
/// [`Error::Unavailable`] if the database is unavailable.
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
    // The parser's message is left out, because it would quote the user's text.
    serde_json::from_str(response.get()).map(Some).map_err(|_| Error::internal("a stored response cannot be parsed"))
}

/// Returns the first result of a request that has ended its own session, under a key that is
/// [bound](IdempotencyKey::bound_to) to the token.
///
/// # Errors
/// [`Error::Unavailable`] if the database is unavailable.
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

/// Returns the first result of a change that cannot be made twice, because its record has another
/// version now, or is deleted.
///
/// # Errors
/// [`Error::Unauthenticated`] if the session is not live, [`Error::IdempotencyKeyReused`],
/// [`Error::Unavailable`] if the database is unavailable.
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

/// Returns the result of a change that cannot be made twice. If its record is deleted or has
/// another version, returns the first result under the key, if there is one.
///
/// # Errors
/// The error of the change, or of the lookup of the first result.
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

/// Returns the error for a key that had expired, and is deleted now. The client can send the
/// request again.
pub(super) fn expired() -> Error {
    Error::unavailable("an expired Idempotency-Key was deleted; the request can be repeated")
}
