//! Keeping what was said.

use cache::WriteGuard;
use db::{Param, Statement};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use tokio_postgres::types::{Json, Type};
use uuid::Uuid;

use super::{ANSWERS, Answer, CONVERSATIONS, ChatMessage, chat_lookup};
use crate::authenticated::{self, authenticated};
use crate::error::{Error, Result};
use crate::idempotency::IdempotencyKey;
use crate::store::Store;
use crate::{Token, UserId};
use crate::{idempotent_write, rate_limit};

/// Two turns of the user's conversation that have been announced.
pub struct Exchange {
    guard: WriteGuard,
    /// Whether the cache knew the caller's session, so that the statement need not look for it.
    is_known: bool,
}

/// Announces two turns of the user's conversation.
///
/// # Errors
/// [`Error::Unavailable`] when the database is known to be away.
pub async fn begin_exchange(store: &Store, user: UserId) -> Result<Exchange> {
    let guard = authenticated::begin(store, vec![CONVERSATIONS.guard(user.0)]).await?;
    Ok(Exchange { guard, is_known: false })
}

/// Announces and counts two turns of somebody whose session the cache has just known, in one round trip.
///
/// # Errors
/// [`Error::RateLimited`] when it is one too many, [`Error::Unavailable`] when the database is known to be away.
pub(super) async fn begin_counted_exchange(store: &Store, user: UserId) -> Result<Exchange> {
    store.db.ready().await?;
    let (name, guards) = (chat_lookup::counter(store, user), vec![CONVERSATIONS.guard(user.0)]);
    let (guard, count) = store.cache.begin_counted(guards, &name, chat_lookup::LIMIT.window).await;
    if let Err(error) = rate_limit::enforce(store, [&name], count.map(|count| [count]), chat_lookup::LIMIT) {
        guard.end().await;
        return Err(error);
    }
    Ok(Exchange { guard, is_known: true })
}

/// Announces a change to the user's conversation after which nothing is said again that the model has answered before: a message that looks like a
/// crisis.
///
/// # Errors
/// [`Error::Unavailable`] when the database is known to be away.
pub async fn begin_crisis_exchange(store: &Store, user: UserId) -> Result<Exchange> {
    Ok(Exchange { guard: begin_conversation_reset(store, user).await?, is_known: false })
}

/// Announces a change to the user's conversation after which nothing is said again that the model has answered before: its end, for one.
///
/// # Errors
/// [`Error::Unavailable`] when the database is known to be away.
pub async fn begin_conversation_reset(store: &Store, user: UserId) -> Result<WriteGuard> {
    authenticated::begin(store, vec![CONVERSATIONS.guard(user.0), ANSWERS.guard(user.0)]).await
}

/// Whoever speaks first begins the conversation; the row of the conversation puts those who speak at once in a line, so that each answer stands
/// behind its message. The parameters are the ids of the conversation and of the message, its text, the id of the answer, and its text.
macro_rules! turns {
    ($conversation:literal, $said:literal, $text:literal, $answered:literal, $response:literal) => {
        concat!(
            "conversation AS (
                INSERT INTO conversations (id, user_id) SELECT ",
            $conversation,
            ", user_id FROM session
                ON CONFLICT (user_id) DO UPDATE SET updated_at = now()
                RETURNING id
            ), turns AS (
                INSERT INTO messages (id, conversation_id, role, content, created_at)
                SELECT turn.id, conversation.id, turn.role, turn.content, clock_timestamp()
                FROM conversation, (VALUES (1, ",
            $said,
            ", 'user', ",
            $text,
            "), (2, ",
            $answered,
            ", 'assistant', ",
            $response,
            ")) AS turn (place, id, role, content)
                ORDER BY turn.place
            )"
        )
    };
}

pub(crate) const KEEP: Statement = Statement {
    name: "conversation.exchange",
    sql: authenticated!(
        once
        turns!("$7", "$8", "$9", "$10", "$11"),
        ", answer AS (
            SELECT jsonb_set($12, '{metadata,conversation_id}', to_jsonb(id)) AS response FROM conversation
        )"
    ),
};

/// The same for somebody whose session the cache knew, without a key and with the marker set: what it need not do, Postgres need not plan.
pub(crate) const KEEP_KNOWN: Statement = Statement {
    name: "conversation.exchange.known",
    sql: concat!(
        "WITH session AS (SELECT id AS user_id FROM users WHERE id = $1 AND is_active), ",
        turns!("$2", "$3", "$4", "$5", "$6"),
        " SELECT id FROM conversation"
    ),
};

/// Keeps a message and its answer, and returns the answer as it is told. With an `Idempotency-Key`, a repetition keeps nothing and gets the first
/// answer.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is not alive, [`Error::IdempotencyKeyReused`], or [`Error::Unavailable`] when the database is away.
pub async fn keep_exchange(
    store: &Store,
    exchange: Exchange,
    token: &Token,
    message: &ChatMessage,
    answer: &Answer,
    key: Option<&IdempotencyKey>,
) -> Result<Box<RawValue>> {
    let Exchange { guard, is_known } = exchange;
    let [conversation, said, answered] = [(); 3].map(|()| Uuid::now_v7());
    let text = message.text();
    let mut params: Vec<Param<'_>> = vec![
        (&conversation, Type::UUID),
        (&said, Type::UUID),
        (&text, Type::TEXT),
        (&answered, Type::UUID),
        (&answer.response, Type::TEXT),
    ];
    if is_known && key.is_none() && guard.unmarked().is_empty() {
        let user = token.user_id().0;
        params.insert(0, (&user, Type::UUID));
        let written = authenticated::execute_guarded(store, guard, KEEP_KNOWN, &params).await?;
        let row = written.rows.first().ok_or_else(authenticated::session_expired)?;
        return answer.kept_in(row.try_get("id").map_err(Error::internal)?);
    }
    let whole = Json(answer);
    params.push((&whole, Type::JSONB));
    let outcome = idempotent_write::write::<Value>(store, guard, token, key, KEEP, &params).await?;
    let kept = outcome.answer()?.ok_or_else(|| Error::internal("an answer that was kept is not there"))?;
    to_raw_value(&kept).map_err(Error::internal)
}
