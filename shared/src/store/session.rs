//! Sessions: Postgres is the authority, the cache remembers for five minutes what it said.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::authenticated::{self, Written, authenticated};
use super::{Account, Credentials, Grant, Token, UserId};
use crate::cache::{Family, WriteGuard};
use crate::db::{Param, Statement};
use crate::error::{Error, Result};
use crate::state::State;

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
pub async fn current_session(state: &State, token: &Token) -> Result<Session> {
    authenticated::session(state, token, CURRENT).await
}

/// Only as long as the password is the one that was verified: it may have been changed meanwhile, which has ended all sessions but this.
const CREATE: Statement = Statement {
    name: "session.create",
    sql: "INSERT INTO sessions (id, user_id, token_hash, expires_at)
        SELECT $1, id, $3, $4 FROM users WHERE id = $2 AND password_hash = $5 AND is_active FOR SHARE
        RETURNING id",
};

/// Opens a session for whoever has just proved these credentials, and tells when it ends. No guard is needed: nothing is cached under a token
/// that did not exist.
///
/// # Errors
/// [`Error::WrongCredentials`] when they are no longer those of the account, [`Error::Unavailable`] when the database is.
pub async fn create_session(state: &State, credentials: &Credentials) -> Result<Grant> {
    let Credentials { user, password_hash } = credentials;
    let token = Token::issue(*user)?;
    let expires_at = Timestamp::now() + IDLE_LIFETIME;
    let (id, token_hash) = (Uuid::now_v7(), token.hash().to_vec());
    let params: [Param<'_>; 5] = [
        (&id, Type::UUID),
        (&user.0, Type::UUID),
        (&token_hash, Type::BYTEA),
        (&expires_at, Type::TIMESTAMPTZ),
        (password_hash, Type::TEXT),
    ];
    let rows = state.db.write(CREATE, &params).await?;
    rows.first().map(|_| Grant { token, expires_at }).ok_or(Error::WrongCredentials)
}

/// Of two who refresh one session at once, the row of the session lets only the first go on. Of a refresh and the end of all sessions at
/// once, the row of the user lets one see what the other has done: the new session either is not opened, or begins before the end. A chain of
/// refreshed sessions ends half a year after its log-in.
const REFRESH: Statement = Statement {
    name: "session.refresh",
    sql: authenticated!(
        write
        "owner AS (
            SELECT u.id FROM users u, session WHERE u.id = session.user_id AND session.session_created_at > u.sessions_since
            FOR SHARE OF u
        ), ended AS (
            UPDATE sessions s SET revoked_at = now(), expires_at = least(s.expires_at, now() + interval '1 day') FROM owner, session
            WHERE s.id = session.session_id AND s.revoked_at IS NULL
            RETURNING s.user_id, s.signed_in_at
        ), fresh AS (
            INSERT INTO sessions (id, user_id, token_hash, expires_at, signed_in_at)
            SELECT $4, user_id, $5, least($6, signed_in_at + interval '180 days'), signed_in_at FROM ended
            RETURNING expires_at
        )
        SELECT expires_at FROM fresh"
    ),
};

/// Ends the caller's session and opens another in its place, until 30 days from now or 180 days after the log-in, whichever comes first.
///
/// The new token is the answer even if the cache could not be told that the old one is dead: without it the person would be signed out.
/// The outbox finishes that within a minute.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is not alive, [`Error::Unavailable`] when the database is away.
pub async fn refresh_session(state: &State, guard: WriteGuard, token: &Token) -> Result<Grant> {
    let fresh = Token::issue(token.user_id())?;
    let until = Timestamp::now() + IDLE_LIFETIME;
    let (id, token_hash) = (Uuid::now_v7(), fresh.hash().to_vec());
    let params: [Param<'_>; 3] = [(&id, Type::UUID), (&token_hash, Type::BYTEA), (&until, Type::TIMESTAMPTZ)];
    let written = authenticated::write(state, guard, token, REFRESH, &params).await?;
    let row = written.rows.first().ok_or_else(authenticated::session_over)?;
    Ok(Grant { token: fresh, expires_at: row.try_get(0).map_err(Error::internal)? })
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
const REVOKE: Statement = Statement {
    name: "session.revoke",
    sql: authenticated!(
        write
        "owner AS (
            SELECT u.id FROM users u, session WHERE u.id = session.user_id FOR NO KEY UPDATE OF u
        ), since AS (
            UPDATE users SET sessions_since = clock_timestamp() FROM owner WHERE $4 AND users.id = owner.id
        ), revoked AS (
            UPDATE sessions SET revoked_at = now(), expires_at = least(sessions.expires_at, now() + interval '1 day')
            FROM owner, session
            WHERE sessions.user_id = owner.id AND sessions.revoked_at IS NULL AND ($4 OR sessions.id = session.session_id)
        )
        SELECT session_id FROM session"
    ),
};

/// Announces a change to the user's sessions.
///
/// # Errors
/// [`Error::Unavailable`] when the database is known to be away.
pub async fn begin_session_write(state: &State, user: UserId) -> Result<WriteGuard> {
    authenticated::begin(state, vec![SESSIONS.guard(user.0)]).await
}

/// Ends sessions for good. Success means that no environment accepts them from now on.
///
/// # Errors
/// [`Error::Unauthenticated`] when the caller's session is not alive. [`Error::Unavailable`] when the revocation is committed but
/// could not be cleared from the cache: the outbox finishes it within a minute.
pub async fn revoke_sessions(state: &State, guard: WriteGuard, token: &Token, scope: RevocationScope) -> Result<()> {
    let all = scope == RevocationScope::All;
    let written = authenticated::write(state, guard, token, REVOKE, &[(&all, Type::BOOL)]).await?;
    acknowledged(&written)?.map(drop).ok_or_else(authenticated::session_over)
}

/// The first row of a statement that ended sessions, once every environment knows of it.
///
/// # Errors
/// [`Error::Unavailable`] when the cache could not be told, also when the session was over already: this may be the repetition of a request
/// of which it could not be told either.
pub(super) fn acknowledged(written: &Written) -> Result<Option<&Row>> {
    match written.cleared {
        true => Ok(written.rows.first()),
        false => Err(Error::unavailable("the cache could not be told that the sessions are over")),
    }
}
