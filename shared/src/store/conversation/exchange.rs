//! Keeping what was said.

use serde_json::Value;
use tokio_postgres::types::{Json, Type};
use uuid::Uuid;

use super::{ANSWERS, Answer, CONVERSATIONS, ChatMessage};
use crate::cache::WriteGuard;
use crate::db::{Param, Statement};
use crate::error::{Error, Result};
use crate::state::State;
use crate::store::authenticated::{self, authenticated};
use crate::store::idempotency::IdempotencyKey;
use crate::store::once;
use crate::store::{Token, UserId};

/// Announces two turns of the user's conversation.
///
/// # Errors
/// [`Error::Unavailable`] when the database is known to be away.
pub async fn begin_exchange(state: &State, user: UserId) -> Result<WriteGuard> {
    authenticated::begin(state, vec![CONVERSATIONS.guard(user.0)]).await
}

/// Announces a change to the user's conversation after which nothing is said again that the model has answered before: its end, or a message that
/// looks like a crisis.
///
/// # Errors
/// [`Error::Unavailable`] when the database is known to be away.
pub async fn begin_turning_point(state: &State, user: UserId) -> Result<WriteGuard> {
    authenticated::begin(state, vec![CONVERSATIONS.guard(user.0), ANSWERS.guard(user.0)]).await
}

/// Whoever speaks first begins the conversation; the row of the conversation puts those who speak at once in a line, so that each answer stands
/// behind its message.
const KEEP: Statement = Statement {
    name: "conversation.exchange",
    sql: authenticated!(
        once
        "conversation AS (
            INSERT INTO conversations (id, user_id) SELECT $7, user_id FROM session
            ON CONFLICT (user_id) DO UPDATE SET updated_at = now()
            RETURNING id
        ), turns AS (
            INSERT INTO messages (id, conversation_id, role, content, created_at)
            SELECT turn.id, conversation.id, turn.role, turn.content, clock_timestamp()
            FROM conversation, (VALUES (1, $8, 'user', $9), (2, $10, 'assistant', $11)) AS turn (place, id, role, content)
            ORDER BY turn.place
        ), answer AS (
            SELECT jsonb_set($12, '{metadata,conversation_id}', to_jsonb(id)) AS response FROM conversation
        )"
    ),
};

/// Keeps a message and its answer, and returns the answer as it is told. With an `Idempotency-Key`, a repetition keeps nothing and gets the first
/// answer.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is not alive, [`Error::IdempotencyKeyReused`], or [`Error::Unavailable`] when the database is away.
pub async fn keep_exchange(
    state: &State,
    guard: WriteGuard,
    token: &Token,
    message: &ChatMessage,
    answer: &Answer,
    key: Option<&IdempotencyKey>,
) -> Result<Value> {
    let [conversation, said, answered] = [(); 3].map(|()| Uuid::now_v7());
    let (text, whole) = (message.text(), Json(answer));
    let params: [Param<'_>; 6] = [
        (&conversation, Type::UUID),
        (&said, Type::UUID),
        (&text, Type::TEXT),
        (&answered, Type::UUID),
        (&answer.response, Type::TEXT),
        (&whole, Type::JSONB),
    ];
    let once = once::write_once(state, guard, token, key, KEEP, &params).await?;
    once.answer()?.ok_or_else(|| Error::internal("an answer that was kept is not there"))
}
