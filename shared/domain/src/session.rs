//! Sessions: Postgres is the authority, the cache remembers for five minutes what it said.

use std::time::Duration;

use cache::{Family, WriteGuard};
use db::{Param, Statement};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::authenticated::{self, authenticated};
use super::idempotency::{self, Empty, IdempotencyKey};
use super::idempotent_write;
use super::{Account, Credentials, Grant, Token, UserId};
use crate::error::{Error, Result};
use crate::store::Store;

pub(super) const SESSIONS: Family = Family { prefix: "session", ttl: Duration::from_secs(300) };

/// How long a session lasts that is not refreshed.
const IDLE_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// A live session and the account that it belongs to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    /// Which one.
    pub id: Uuid,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whose it is.
    pub account: Account,
}

impl Session {
    pub(super) fn is_alive(&self) -> bool {
        self.expires_at > Timestamp::now()
    }
}

impl TryFrom<&Row> for Session {
    type Error = tokio_postgres::Error;

    fn try_from(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let account = Account {
            id: UserId(row.try_get("user_id")?),
            email: row.try_get("email")?,
            is_active: row.try_get("is_active")?,
            created_at: row.try_get("account_created_at")?,
            updated_at: row.try_get("account_updated_at")?,
        };
        Ok(Self { id: row.try_get("session_id")?, expires_at: row.try_get("session_expires_at")?, account })
    }
}

pub(super) const CURRENT: Statement =
    Statement { name: "session.current", sql: authenticated!("SELECT session.* FROM session") };

/// The caller's session, from the cache or the database.
///
/// # Errors
/// [`Error::Unauthenticated`] when it is not alive.
pub async fn current_session(store: &Store, token: &Token) -> Result<Session> {
    authenticated::session(store, token, CURRENT).await
}

/// Only as long as the password is the one that was verified: it may have been changed meanwhile, which has ended all sessions but this.
pub(super) const CREATE: Statement = Statement {
    name: "session.create",
    sql: "WITH fresh AS (
            INSERT INTO sessions (id, user_id, token_hash, expires_at)
            SELECT $1, id, $3, $4 FROM users WHERE id = $2 AND password_hash = $5 AND is_active FOR SHARE
            RETURNING id, user_id, expires_at
        ), kept AS (
            INSERT INTO idempotency_keys (scope, endpoint, key_hash, user_id, request_hash, response, expires_at)
            SELECT user_id, $6, $7, user_id, $8, jsonb_build_object('session_id', id, 'expires_at', expires_at), now() + interval '24 hours'
            FROM fresh WHERE $7 IS NOT NULL
        )
        SELECT expires_at FROM fresh",
};

/// Opens a session for whoever has just proved these credentials, and tells when it ends. No guard is needed: nothing is cached under a token
/// that did not exist.
///
/// # Errors
/// [`Error::WrongCredentials`] when they are no longer those of the account, [`Error::Unavailable`] when the database is.
pub async fn create_session(store: &Store, credentials: &Credentials, key: Option<&IdempotencyKey>) -> Result<Grant> {
    let Credentials { user, password_hash } = credentials;
    let opening = Opening::new();
    let token = opening.token(store, *user, key)?;
    let Opening { session_id: id, expires_at } = opening;
    let (token_hash, kept) = (token.hash().to_vec(), idempotency::columns(key));
    let params: [Param<'_>; 8] = [
        (&id, Type::UUID),
        (&user.0, Type::UUID),
        (&token_hash, Type::BYTEA),
        (&expires_at, Type::TIMESTAMPTZ),
        (password_hash, Type::TEXT),
        (&kept.endpoint, Type::TEXT),
        (&kept.key_hash, Type::BYTEA),
        (&kept.request_hash, Type::BYTEA),
    ];
    match store.db.write(CREATE, &params).await {
        Ok(rows) => {
            let row = rows.first().ok_or(Error::WrongCredentials)?;
            Ok(Grant { token, expires_at: row.try_get("expires_at").map_err(Error::internal)? })
        }
        Err(error) if error.violates(idempotency::CONSTRAINT) => {
            let first: Option<Opening> = idempotency::replay(store, user.0, key).await?;
            first.ok_or_else(idempotency::expired)?.grant(store, *user, key)
        }
        Err(error) => Err(error.into()),
    }
}

/// What is kept of the opening of a session under an `Idempotency-Key`, from which the token can be told again by this service alone: the token
/// itself is never stored.
#[derive(Debug, Deserialize)]
struct Opening {
    session_id: Uuid,
    expires_at: Timestamp,
}

impl Opening {
    fn new() -> Self {
        Self { session_id: Uuid::now_v7(), expires_at: Timestamp::now() + IDLE_LIFETIME }
    }

    fn token(&self, store: &Store, user: UserId, key: Option<&IdempotencyKey>) -> Result<Token> {
        match key {
            None => Token::issue(user),
            Some(key) => Ok(Token::derive(&store.hmac_key, user, self.session_id, key)),
        }
    }

    fn grant(self, store: &Store, user: UserId, key: Option<&IdempotencyKey>) -> Result<Grant> {
        Ok(Grant { token: self.token(store, user, key)?, expires_at: self.expires_at })
    }
}

/// Of two who refresh one session at once, the row of the session lets only the first go on. Of a refresh and the end of all sessions at
/// once, the row of the user lets one see what the other has done: the new session either is not opened, or begins before the end. A chain of
/// refreshed sessions ends half a year after its log-in.
pub(super) const REFRESH: Statement = Statement {
    name: "session.refresh",
    sql: authenticated!(
        once
        "owner AS (
            SELECT u.id FROM users u, session WHERE u.id = session.user_id AND session.session_created_at > u.sessions_since
            FOR SHARE OF u
        ), ended AS (
            UPDATE sessions s SET revoked_at = now(), expires_at = least(s.expires_at, now() + interval '1 day') FROM owner, session
            WHERE s.id = session.session_id AND s.revoked_at IS NULL
            RETURNING s.user_id, s.signed_in_at
        ), fresh AS (
            INSERT INTO sessions (id, user_id, token_hash, expires_at, signed_in_at)
            SELECT $7, user_id, $8, least($9, signed_in_at + interval '180 days'), signed_in_at FROM ended
            RETURNING id, expires_at
        ), answer AS (SELECT jsonb_build_object('session_id', id, 'expires_at', expires_at) AS response FROM fresh)"
    ),
};

/// Ends the caller's session and opens another in its place, until 30 days from now or 180 days after the log-in, whichever comes first.
///
/// The new token is the answer even if the cache could not be told that the old one is dead: without it the person would be signed out.
/// The outbox finishes that within a minute. With a key that is bound to the old token, a repetition gets the same new one.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is not alive, [`Error::Unavailable`] when the database is away.
pub async fn refresh_session(store: &Store, token: &Token, key: Option<&IdempotencyKey>) -> Result<Grant> {
    let user = token.user_id();
    if let Some(first) = idempotency::ended::<Opening>(store, token, key).await? {
        return first.grant(store, user, key);
    }
    let guard = begin_session_write(store, user).await?;
    let opening = Opening::new();
    let fresh = opening.token(store, user, key)?;
    let token_hash = fresh.hash().to_vec();
    let params: [Param<'_>; 3] =
        [(&opening.session_id, Type::UUID), (&token_hash, Type::BYTEA), (&opening.expires_at, Type::TIMESTAMPTZ)];
    let outcome = idempotent_write::write::<Opening>(store, guard, token, key, REFRESH, &params).await?;
    let opened = outcome.answer_or_ended(store, token, key).await?;
    match key {
        None => Ok(Grant { token: fresh, expires_at: opened.expires_at }),
        // Of two copies at once, both get what the first has opened.
        Some(_) => opened.grant(store, user, key),
    }
}

/// Which sessions a log-out ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationScope {
    /// Every session of the account.
    All,
    /// The caller's own.
    This,
}

/// The user is locked first, as by whatever else opens or ends sessions: so nobody waits in a circle, and the end is read off the clock when
/// nobody can open a session any more. What is over is kept for a day, for whoever asks what happened, and then swept away like what has expired.
pub(super) const REVOKE: Statement = Statement {
    name: "session.revoke",
    sql: authenticated!(
        once
        "owner AS (
            SELECT u.id FROM users u, session WHERE u.id = session.user_id FOR NO KEY UPDATE OF u
        ), since AS (
            UPDATE users SET sessions_since = clock_timestamp() FROM owner WHERE $7 AND users.id = owner.id
        ), revoked AS (
            UPDATE sessions SET revoked_at = now(), expires_at = least(sessions.expires_at, now() + interval '1 day')
            FROM owner, session
            WHERE sessions.user_id = owner.id AND sessions.revoked_at IS NULL AND ($7 OR sessions.id = session.session_id)
        ), answer AS (SELECT '{}'::jsonb AS response)"
    ),
};

/// Announces a change to the user's sessions.
///
/// # Errors
/// [`Error::Unavailable`] when the database is known to be away.
async fn begin_session_write(store: &Store, user: UserId) -> Result<WriteGuard> {
    authenticated::begin(store, vec![SESSIONS.guard(user.0)]).await
}

/// Ends sessions for good. Success means that no environment accepts them from now on.
///
/// # Errors
/// [`Error::Unauthenticated`] when the caller's session is not alive. [`Error::Unavailable`] when the revocation is committed but
/// could not be cleared from the cache: the outbox finishes it within a minute.
pub async fn revoke_sessions(
    store: &Store,
    token: &Token,
    scope: RevocationScope,
    key: Option<&IdempotencyKey>,
) -> Result<()> {
    if sessions_ended(store, token, key).await? {
        return Ok(());
    }
    let all = scope == RevocationScope::All;
    end_sessions(store, token, key, REVOKE, &[(&all, Type::BOOL)]).await
}

/// Runs a statement that ends sessions, once for a key that is bound to the token. Whoever calls it has asked [`sessions_ended`].
pub(super) async fn end_sessions(
    store: &Store,
    token: &Token,
    key: Option<&IdempotencyKey>,
    statement: Statement,
    params: &[Param<'_>],
) -> Result<()> {
    let guard = begin_session_write(store, token.user_id()).await?;
    let outcome = idempotent_write::write::<Empty>(store, guard, token, key, statement, params).await?;
    require_cleared(outcome.cleared)?;
    outcome.answer_or_ended(store, token, key).await.map(drop)
}

/// Whether the same request, under a key that is bound to the token, has ended the session that it came with.
///
/// # Errors
/// [`Error::Unavailable`] when the database is, or the cache could not be told.
pub async fn sessions_ended(store: &Store, token: &Token, key: Option<&IdempotencyKey>) -> Result<bool> {
    let ended = idempotency::ended::<Empty>(store, token, key).await?.is_some();
    if ended {
        require_cleared(store.cache.invalidate(&[SESSIONS.guard(token.user_id().0)]).await)?;
    }
    Ok(ended)
}

/// The end of sessions is require_cleared once every environment knows of it.
///
/// # Errors
/// [`Error::Unavailable`] when the cache could not be told, also when the session was over already: this may be the repetition of a request
/// of which it could not be told either.
pub(super) fn require_cleared(cleared: bool) -> Result<()> {
    match cleared {
        true => Ok(()),
        false => Err(Error::unavailable("the cache could not be told that the sessions are over")),
    }
}
