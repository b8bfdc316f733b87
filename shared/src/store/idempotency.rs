//! `Idempotency-Key`: the same request sent again gets the first result.
//!
//! The key is stored by the very statement that has the effect, so that neither can be there without the other, also when the process
//! dies in between or two copies run at once: the second breaks the primary key, which undoes it, and then reads what the first has
//! stored.

use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use tokio_postgres::types::{Json, Type};
use uuid::Uuid;

use crate::db::{Param, Statement};
use crate::error::{Error, Result};
use crate::state::State;

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
    /// A key with the body that it was sent with. Of both only digests are kept; the body's is keyed, because a short body could be
    /// guessed from a plain one.
    pub fn new(state: &State, endpoint: &'static str, key: &str, body: &[u8]) -> Self {
        let request_hash = state.pseudonyms.pseudonym(&[b"request", endpoint.as_bytes(), body]).to_vec();
        Self { endpoint, key_hash: Sha256::digest(key.as_bytes()).to_vec(), request_hash }
    }
}

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
pub(super) fn pseudonymous_scope(state: &State, name: &str) -> Uuid {
    let pseudonym = state.pseudonyms.pseudonym(&[b"scope", name.as_bytes()]);
    uuid::Builder::from_custom_bytes(pseudonym.first_chunk().copied().unwrap_or_default()).into_uuid()
}

/// Also sweeps the key away when its time is over and nobody has done so yet.
const REPLAY: Statement = Statement {
    name: "idempotency.replay",
    sql: "WITH expired AS (
            DELETE FROM idempotency_keys WHERE scope = $1 AND endpoint = $2 AND key_hash = $3 AND expires_at <= now()
        )
        SELECT request_hash = $4 AS same, response FROM idempotency_keys
        WHERE scope = $1 AND endpoint = $2 AND key_hash = $3 AND expires_at > now()",
};

/// The first result under a key, or `None` when there is no key or nothing is kept under it.
///
/// # Errors
/// [`Error::IdempotencyKeyReused`] when the first request was another one.
pub(super) async fn replay<T: DeserializeOwned>(
    state: &State,
    scope: Uuid,
    key: Option<&IdempotencyKey>,
) -> Result<Option<T>> {
    let Some(key) = key else { return Ok(None) };
    let params: [Param<'_>; 4] = [
        (&scope, Type::UUID),
        (&key.endpoint, Type::TEXT),
        (&key.key_hash, Type::BYTEA),
        (&key.request_hash, Type::BYTEA),
    ];
    let rows = state.db.write(REPLAY, &params).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    if !row.try_get::<_, bool>("same").map_err(Error::internal)? {
        return Err(Error::IdempotencyKeyReused);
    }
    let Json(response): Json<Box<serde_json::value::RawValue>> = row.try_get("response").map_err(Error::internal)?;
    // Without the parser's message, which would quote what a person wrote.
    serde_json::from_str(response.get()).map(Some).map_err(|_| Error::internal("a kept response cannot be read"))
}

/// The key's time had ended, and now it is gone: the same request may be sent again and starts afresh.
pub(super) fn expired() -> Error {
    Error::unavailable("an expired Idempotency-Key was in the way")
}
