//! Signing in, refreshing and signing out. Postgres is the authority, and the cache has a session
//! for at most five minutes.

use std::time::Duration;

use cache::WriteGuard;
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use crate::account::Credentials;
use crate::authenticated;
use crate::error::{Error, Result};
use crate::families::SESSIONS;
use crate::idempotency::{self, Empty, IdempotencyKey};
use crate::idempotent_write;
use crate::query::{Query, WriteContext, sql};
use crate::session::Session;
use crate::store::Store;
use crate::token::{Grant, Token};
use crate::user_id::UserId;

/// The lifetime of a session, unless it is refreshed.
const IDLE_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// The operations on sessions.
#[derive(Clone, Copy)]
pub struct Sessions<'a> {
    pub(crate) store: &'a Store,
}

impl Store {
    /// Returns the operations on sessions: sign-in, refresh and sign-out.
    pub fn sessions(&self) -> Sessions<'_> {
        Sessions { store: self }
    }
}

/// The sessions that a sign-out ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationScope {
    /// Every session of the account.
    All,
    /// The caller's own session.
    This,
}

impl Sessions<'_> {
    /// Returns the caller's session, from the cache or the database.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if it is not live, [`Error::Unavailable`] if the database is
    /// needed and unavailable.
    pub async fn current(self, token: &Token) -> Result<Session> {
        authenticated::session(self.store, token).await
    }

    /// Opens a session for verified credentials. No guard is needed, because nothing is cached
    /// under a new token.
    ///
    /// # Errors
    /// [`Error::WrongCredentials`] if the account no longer has these credentials,
    /// [`Error::Unavailable`] if the database is unavailable.
    pub async fn create(self, credentials: &Credentials, key: Option<&IdempotencyKey>) -> Result<Grant> {
        let Self { store } = self;
        let Credentials { user, password_hash } = credentials;
        let opening = Opening::new();
        let token = opening.token(store, *user, key)?;
        let columns = idempotency::columns(key);
        let create = sql::session::Create {
            session_id: opening.session_id,
            user_id: user.0,
            token_hash: &token.hash(),
            expires_at: opening.expires_at,
            password_hash,
            endpoint: columns.endpoint,
            key_hash: columns.key_hash.as_deref(),
            request_hash: columns.request_hash.as_deref(),
        };
        match store.write(&create).await {
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

    /// Ends the caller's session, and opens a new one in its place. The new session lasts 30 days,
    /// but ends no later than 180 days after the sign-in.
    ///
    /// The new token is returned even if the old session could not be cleared from the cache,
    /// because the user would be signed out without it. The outbox completes the invalidation
    /// within a minute. With a key that is bound to the old token, a repetition gets the same new
    /// token.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the session is not live, [`Error::Unavailable`] if the
    /// database is unavailable.
    pub async fn refresh(self, token: &Token, key: Option<&IdempotencyKey>) -> Result<Grant> {
        let Self { store } = self;
        let user = token.user_id();
        if let Some(first) = idempotency::ended::<Opening>(store, token, key).await? {
            return first.grant(store, user, key);
        }
        let guard = begin_session_write(store, user).await?;
        let opening = Opening::new();
        let new_token = opening.token(store, user, key)?;
        let refresh = sql::session::Refresh {
            session_id: opening.session_id,
            new_hash: &new_token.hash(),
            expires_at: opening.expires_at,
        };
        let outcome = idempotent_write::write::<_, Opening>(store, guard, token, key, &refresh).await?;
        let opened = outcome.answer_or_ended(store, token, key).await?;
        match key {
            None => Ok(Grant { token: new_token, expires_at: opened.expires_at }),
            // If two copies race, both get the session that the first has opened.
            Some(_) => opened.grant(store, user, key),
        }
    }

    /// Ends sessions. Success means that no environment accepts them from now on.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the caller's session is not live. [`Error::Unavailable`] if
    /// the database is unavailable, or if the end of the sessions is committed but could not be
    /// cleared from the cache. The outbox clears them within a minute.
    pub async fn revoke(self, token: &Token, scope: RevocationScope, key: Option<&IdempotencyKey>) -> Result<()> {
        if self.were_ended(token, key).await? {
            return Ok(());
        }
        end_sessions(self.store, token, key, &sql::session::Revoke { all: scope == RevocationScope::All }).await
    }

    /// Returns whether the same request has already ended its own session, under a key that is
    /// bound to the token.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database is unavailable, or the sessions could not be cleared
    /// from the cache.
    pub async fn were_ended(self, token: &Token, key: Option<&IdempotencyKey>) -> Result<bool> {
        let Self { store } = self;
        let ended = idempotency::ended::<Empty>(store, token, key).await?.is_some();
        if ended {
            require_cleared(store.cache.invalidate(&[SESSIONS.guard(token.user_id().0)]).await)?;
        }
        Ok(ended)
    }
}

/// Executes a statement that ends sessions, once for a key that is bound to the token. Call
/// [`Sessions::were_ended`] first.
pub(crate) async fn end_sessions<Q: Query<Context = WriteContext>>(
    store: &Store,
    token: &Token,
    key: Option<&IdempotencyKey>,
    query: &Q,
) -> Result<()> {
    let guard = begin_session_write(store, token.user_id()).await?;
    let outcome = idempotent_write::write::<_, Empty>(store, guard, token, key, query).await?;
    require_cleared(outcome.cleared)?;
    outcome.answer_or_ended(store, token, key).await.map(drop)
}

async fn begin_session_write(store: &Store, user: UserId) -> Result<WriteGuard> {
    authenticated::begin(store, vec![SESSIONS.guard(user.0)]).await
}

/// Fails unless the ended sessions are cleared from the cache, so that no environment accepts them
/// any more.
///
/// # Errors
/// [`Error::Unavailable`] if the sessions could not be cleared from the cache. That is an error
/// even if the caller's session had already ended. The request may repeat an earlier one whose
/// sessions could not be cleared either.
pub(crate) fn require_cleared(cleared: bool) -> Result<()> {
    match cleared {
        true => Ok(()),
        false => Err(Error::unavailable("the sessions have ended but could not be cleared from the cache")),
    }
}

/// The facts about a new session that are stored under an `Idempotency-Key`. Only this service can
/// derive the token from them again. The token itself is never stored.
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
            Some(key) => Ok(Token::derive(&store.hmac_key, user, self.session_id, key.hash())),
        }
    }

    fn grant(self, store: &Store, user: UserId, key: Option<&IdempotencyKey>) -> Result<Grant> {
        Ok(Grant { token: self.token(store, user, key)?, expires_at: self.expires_at })
    }
}
