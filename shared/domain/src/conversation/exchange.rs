//! Storing a message and its reply.

use cache::WriteGuard;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::clear::begin_conversation_reset;
use super::{Answer, ChatMessage, Conversation, message_limit};
use crate::authenticated::{begin, execute_guarded, session_expired};
use crate::error::{Error, Result};
use crate::families::CONVERSATIONS;
use crate::idempotency::IdempotencyKey;
use crate::query::{Query as _, sql};
use crate::store::Store;
use crate::token::Token;
use crate::user_id::UserId;
use crate::{idempotent_write, rate_limit};

/// A message and its reply that have been announced to the cache, but are not stored yet.
#[must_use = "an exchange that was announced must be stored"]
pub struct Exchange {
    guard: WriteGuard,
    /// Whether the caller's session was in the cache, so that the statement need not check it.
    session_known: bool,
}

impl Exchange {
    /// Announces and counts an exchange in one round trip, for a caller whose session was in the
    /// cache.
    ///
    /// # Errors
    /// [`Error::RateLimited`] if the message exceeds the limit, [`Error::Unavailable`] if the
    /// database is known to be unavailable.
    pub(super) async fn begin_counted(store: &Store, user: UserId) -> Result<Self> {
        store.db.ready().await?;
        let (name, guards) = (message_limit::counter(store, user), vec![CONVERSATIONS.guard(user.0)]);
        let (guard, count) = store.cache.begin_counted(guards, &name, message_limit::LIMIT.window).await;
        if let Err(error) = rate_limit::enforce(store, [&name], count.map(|count| [count]), message_limit::LIMIT) {
            guard.end().await;
            return Err(error);
        }
        Ok(Self { guard, session_known: true })
    }

    /// Announces an exchange to the cache.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database is known to be unavailable.
    pub(super) async fn begin(store: &Store, user: UserId) -> Result<Self> {
        Ok(Self { guard: begin(store, vec![CONVERSATIONS.guard(user.0)]).await?, session_known: false })
    }
}

impl Conversation<'_> {
    /// Announces and stores a message and its reply, and returns the response.
    ///
    /// With an `Idempotency-Key`, a repetition stores nothing and gets the first response.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the session is not live, [`Error::IdempotencyKeyReused`], or
    /// [`Error::Unavailable`] if the database is unavailable.
    pub async fn append(
        self,
        token: &Token,
        message: &ChatMessage,
        answer: &Answer,
        key: Option<&IdempotencyKey>,
    ) -> Result<Box<RawValue>> {
        let exchange = Exchange::begin(self.store, token.user_id()).await?;
        self.append_announced(exchange, token, message, answer, key).await
    }

    /// Counts and stores a message that looks like a crisis, and stores its reply. Drops the
    /// model's cached replies.
    ///
    /// # Errors
    /// The errors of [`append`](Self::append), and [`Error::RateLimited`].
    pub async fn append_crisis(
        self,
        token: &Token,
        message: &ChatMessage,
        answer: &Answer,
        key: Option<&IdempotencyKey>,
    ) -> Result<Box<RawValue>> {
        // The session is checked first: nothing is counted or dropped for a caller who is not
        // signed in.
        self.store.sessions().current(token).await?;
        message_limit::count_message(self.store, token).await?;
        let guard = begin_conversation_reset(self.store, token.user_id()).await?;
        self.append_announced(Exchange { guard, session_known: false }, token, message, answer, key).await
    }

    /// Stores an exchange that has been announced, and returns the response.
    ///
    /// # Errors
    /// The errors of [`append`](Self::append).
    pub async fn append_announced(
        self,
        exchange: Exchange,
        token: &Token,
        message: &ChatMessage,
        answer: &Answer,
        key: Option<&IdempotencyKey>,
    ) -> Result<Box<RawValue>> {
        let Exchange { guard, session_known } = exchange;
        let exchange = sql::conversation::Exchange {
            conversation_id: Uuid::now_v7(),
            message_id: Uuid::now_v7(),
            message: message.text(),
            reply_id: Uuid::now_v7(),
            reply: &answer.response,
        };
        if session_known && key.is_none() && guard.unmarked().is_empty() {
            let append = sql::conversation::AppendKnown { user_id: token.user_id().0, exchange };
            let statement = sql::conversation::AppendKnown::STATEMENT;
            let written = execute_guarded(self.store, guard, statement, &append.params(&())).await?;
            let row = written.rows.first().ok_or_else(session_expired)?;
            return answer.stored_in(row.try_get("id").map_err(Error::internal)?);
        }
        let append = sql::conversation::Append { answer: &Json(answer), exchange };
        let outcome = idempotent_write::write::<_, Value>(self.store, guard, token, key, &append).await?;
        let stored = outcome.answer()?.ok_or_else(|| Error::internal("the stored reply was not returned"))?;
        to_raw_value(&stored).map_err(Error::internal)
    }
}
