//! Changing a password.

use db::{Param, Statement};
use tokio_postgres::types::Type;

use super::authenticated::{self, authenticated};
use super::idempotency::IdempotencyKey;
use super::session::end_sessions;
use super::{Credentials, Email, Token, UserId};
use crate::error::{Error, Result};
use crate::store::Store;

pub(super) const OWN_CREDENTIALS: Statement = Statement {
    name: "account.own_credentials",
    sql: authenticated!("SELECT u.id, u.email, u.password_hash FROM session JOIN users u ON u.id = session.user_id"),
};

/// The caller's address and credentials.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is not alive, [`Error::Unavailable`] when the database is away.
pub async fn own_credentials(store: &Store, token: &Token) -> Result<(Email, Credentials)> {
    let rows = authenticated::fetch(store, token, OWN_CREDENTIALS, &[]).await?;
    let row = rows.first().ok_or_else(authenticated::session_expired)?;
    let user = UserId(row.try_get("id").map_err(Error::internal)?);
    let password_hash = row.try_get("password_hash").map_err(Error::internal)?;
    Ok((Email::stored(row.try_get("email").map_err(Error::internal)?), Credentials { user, password_hash }))
}

/// Of two who change the same password at once only the first succeeds. The user is locked first, so that the sessions' end is read off the clock
/// when nobody can open one any more.
pub(super) const CHANGE: Statement = Statement {
    name: "account.change_password",
    sql: authenticated!(
        once
        "owner AS (
            SELECT u.id FROM users u, session WHERE u.id = session.user_id AND u.password_hash = $8 FOR NO KEY UPDATE OF u
        ), changed AS (
            UPDATE users SET password_hash = $7, updated_at = now(), sessions_since = clock_timestamp() FROM owner
            WHERE users.id = owner.id
            RETURNING users.id
        ), revoked AS (
            UPDATE sessions SET revoked_at = now(), expires_at = least(sessions.expires_at, now() + interval '1 day') FROM changed
            WHERE sessions.user_id = changed.id AND sessions.revoked_at IS NULL
        ), answer AS (SELECT '{}'::jsonb AS response FROM changed)"
    ),
};

/// Puts another password in the place of the one that was verified, and ends every session of the account, the caller's too. Success means
/// that no environment accepts them from now on.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is not alive or the password has been changed by somebody else meanwhile.
/// [`Error::Unavailable`] when the change is committed but could not be cleared from the cache: the outbox finishes it within a minute.
pub async fn change_password(
    store: &Store,
    token: &Token,
    verified: &Credentials,
    password_hash: &str,
    key: Option<&IdempotencyKey>,
) -> Result<()> {
    let params: [Param<'_>; 2] = [(&password_hash, Type::TEXT), (&verified.password_hash, Type::TEXT)];
    end_sessions(store, token, key, CHANGE, &params).await
}
