//! Sessions: Postgres is the authority, the cache remembers for five minutes what it said.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::authenticated::{self, authenticated};
use super::{Account, UserId};
use crate::cache::{Family, Key, WriteGuard};
use crate::db::{Param, Statement};
use crate::error::{Error, Result};
use crate::state::State;

const SESSIONS: Family = Family { prefix: "session", ttl: Duration::from_secs(300) };

/// How long a session lasts after its log-in.
const SESSION_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// A bearer token: `base64url(user id ‖ 32 random bytes)`, 64 characters.
///
/// The user id can be read from it, so that what is asked for can be looked up together with the session. It proves nothing until its
/// SHA-256 is found; only that is stored.
#[derive(Clone)]
pub struct Token {
    bytes: [u8; 48],
}

impl Token {
    fn issue(user: UserId) -> Result<Self> {
        let mut bytes = [0; 48];
        let (owner, secret) = bytes.split_at_mut(16);
        owner.copy_from_slice(user.0.as_bytes());
        getrandom::fill(secret).map_err(Error::internal)?;
        Ok(Self { bytes })
    }

    /// Reads a token, or `None` when the text cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        Some(Self { bytes })
    }

    /// The text that the client keeps.
    pub fn expose(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes)
    }

    /// Whose token it claims to be.
    pub fn user_id(&self) -> UserId {
        let owner = self.bytes.first_chunk().copied().unwrap_or_default();
        UserId(Uuid::from_bytes(owner))
    }

    /// Makes sure that the user named in a path, a query or a body, if there is one, is the one whom the token claims.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when it is somebody else.
    pub fn must_belong_to(&self, user: Option<UserId>) -> Result<()> {
        if user.is_none_or(|user| user == self.user_id()) { Ok(()) } else { Err(Error::Forbidden) }
    }

    pub(super) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.bytes).into()
    }

    pub(super) fn session_key(&self) -> Key {
        SESSIONS.key(self.user_id().0, format!("session:{}", const_hex::encode(self.hash())))
    }
}

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

const CREATE: Statement = Statement {
    name: "session.create",
    sql: "INSERT INTO sessions (id, user_id, token_hash, expires_at) VALUES ($1, $2, $3, $4)",
};

/// Opens a session and tells when it ends. No guard is needed: nothing is cached under a token that did not exist.
///
/// # Errors
/// [`Error::Unavailable`] when the database is.
pub async fn create_session(state: &State, user: UserId) -> Result<(Token, Timestamp)> {
    let token = Token::issue(user)?;
    let expires_at = Timestamp::now() + SESSION_LIFETIME;
    let (id, token_hash) = (Uuid::now_v7(), token.hash().to_vec());
    let params: [Param<'_>; 4] =
        [(&id, Type::UUID), (&user.0, Type::UUID), (&token_hash, Type::BYTEA), (&expires_at, Type::TIMESTAMPTZ)];
    state.db.write(CREATE, &params).await?;
    Ok((token, expires_at))
}

/// Which sessions a log-out ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationScope {
    /// Every session of the account.
    All,
    /// The caller's own.
    This,
}

/// What is over is kept for a day, for whoever asks what happened, and then swept away like what has expired.
const REVOKE: Statement = Statement {
    name: "session.revoke",
    sql: authenticated!(
        write
        "revoked AS (
            UPDATE sessions SET revoked_at = now(), expires_at = least(sessions.expires_at, now() + interval '1 day') FROM session
            WHERE sessions.user_id = session.user_id AND sessions.revoked_at IS NULL AND ($4 OR sessions.id = session.session_id)
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
    match (written.cleared, written.rows.is_empty()) {
        // Also when the session is over already: this may be the repetition of a log-out that could not be told either.
        (false, _) => Err(Error::unavailable("the cache could not be told that the sessions are over")),
        (true, true) => Err(authenticated::session_over()),
        (true, false) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_carries_its_owner_and_survives_the_wire() {
        let user = UserId(Uuid::now_v7());
        let token = Token::issue(user).unwrap();
        let text = token.expose();
        assert_eq!(text.len(), 64);
        let read = Token::parse(&text).unwrap();
        assert_eq!((read.user_id(), read.hash()), (user, token.hash()));
        assert_ne!(Token::issue(user).unwrap().expose(), text);
    }

    #[test]
    fn what_cannot_be_a_token_is_none() {
        for text in ["", "abc", &"A".repeat(63), &"A".repeat(65), &"A".repeat(68), &"=".repeat(64), &"é".repeat(32)] {
            assert!(Token::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_keys_are_named_as_documented() {
        let user = UserId(Uuid::nil());
        let token = Token { bytes: [0; 48] };
        let key = token.session_key();
        assert_eq!(key.guard(), format!("session:{user}:guard"));
        assert_eq!(key.record().len(), "session:".len() + 64);
        assert_eq!(key.ttl(), Duration::from_secs(300));
    }
}
