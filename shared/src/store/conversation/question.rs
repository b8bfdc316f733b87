//! What is known before the model is asked.

use std::time::Duration;

use futures_util::future::join;
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, Type};

use super::exchange::{self, Exchange};
use super::{ChatMessage, Spoken};
use crate::cache::{Key, Slot};
use crate::db::Param;
use crate::error::{Error, Result};
use crate::llm::{Prompt, Turn};
use crate::state::State;
use crate::store::authenticated::{self, Read, authenticated_read};
use crate::store::idempotency::{self, IdempotencyKey};
use crate::store::throttle::{self, Limit};
use crate::store::{Token, UserId, recall};

/// How often somebody may speak: more than anybody types.
pub(super) const LIMIT: Limit = Limit { times: 30, window: Duration::from_secs(60) };
/// How many messages of the conversation a model is given, newest last, and how many characters of each.
const TURNS: i64 = 20;
const TURN_CHARACTERS: i32 = 2000;

/// What a message came upon.
pub enum Asked {
    /// The same request has been answered before.
    Kept(Value),
    /// The model has answered this before, and that it is said again has been announced.
    Known(Spoken, Exchange),
    /// The model has to be asked.
    Open(Box<Question>),
}

/// A message with all that its answer depends on.
pub struct Question {
    traits: Value,
    preferences: Value,
    communication_style: Option<String>,
    history: Vec<Turn>,
    /// Where the answer may be kept.
    pub(super) slot: Option<(Key, Slot)>,
}

pub(in crate::store) const CONTEXT: Read = authenticated_read!(
    "conversation.context",
    "SELECT session.*, p.traits, p.preferences, p.communication_style,
        (SELECT coalesce(jsonb_agg(jsonb_build_object('role', m.role, 'content', m.content) ORDER BY m.created_at, m.id), '[]') FROM (
            SELECT id, role, left(content, $4) AS content, created_at FROM messages
            WHERE conversation_id = (SELECT id FROM conversations WHERE user_id = $2)
            ORDER BY created_at DESC, id DESC LIMIT $3
        ) m) AS history,
        (SELECT jsonb_build_object('same', k.request_hash = $7, 'response', k.response) FROM idempotency_keys k
            WHERE k.scope = $2 AND k.endpoint = $5 AND k.key_hash = $6 AND k.expires_at > now()) AS kept
    FROM session JOIN user_profiles p ON p.user_id = session.user_id"
);

/// Finds out who asks, whether they ask too often, and what is known of the answer: one round trip to Redis for the session and an earlier
/// answer, and one statement if there is none.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is not alive, [`Error::RateLimited`], [`Error::IdempotencyKeyReused`], or [`Error::Unavailable`] when
/// the database is.
pub async fn ask(state: &State, token: &Token, message: &ChatMessage, key: Option<&IdempotencyKey>) -> Result<Asked> {
    let answer_key = message.key(state, token.user_id());
    let (caller, known, slot) = match answer_key {
        Some(key) => {
            let (caller, answer) = recall::recall(state, token, &key, |bytes| Spoken::from_bytes(&bytes)).await;
            (caller, answer.value, answer.slot.map(|slot| (key, slot)))
        }
        None => (recall::recall_session(state, token).await, None, None),
    };
    let known = match known {
        Some(spoken) if caller.is_alive() => {
            let exchange = exchange::begin_counted_exchange(state, token.user_id()).await?;
            return Ok(Asked::Known(spoken, exchange));
        }
        known => known,
    };
    let kept = idempotency::columns(key);
    let params: [Param<'_>; 5] = [
        (&TURNS, Type::INT8),
        (&TURN_CHARACTERS, Type::INT4),
        (&kept.endpoint, Type::TEXT),
        (&kept.key_hash, Type::BYTEA),
        (&kept.request_hash, Type::BYTEA),
    ];
    // The message counts only for somebody who is signed in: or anybody who knows an id could use up what its owner has.
    let (rows, counted) = if caller.is_alive() {
        Box::pin(join(caller.rows(state, token, CONTEXT, &params), count_message(state, token))).await
    } else {
        let rows = caller.rows(state, token, CONTEXT, &params).await;
        let counted = if rows.is_ok() { count_message(state, token).await } else { Ok(()) };
        (rows, counted)
    };
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => {
            slot.into_iter().for_each(|(_, slot)| state.cache.withdraw(slot));
            return Err(error);
        }
    };
    counted?;
    let row = rows.first().ok_or_else(authenticated::session_over)?;
    if let Some(Json(first)) = row.try_get::<_, Option<Json<First>>>("kept").map_err(Error::internal)? {
        return if first.same { Ok(Asked::Kept(first.response)) } else { Err(Error::IdempotencyKeyReused) };
    }
    if let Some(spoken) = known {
        let exchange = exchange::begin_exchange(state, token.user_id()).await?;
        return Ok(Asked::Known(spoken, exchange));
    }
    Ok(Asked::Open(Box::new(Question::from_row(row, slot).map_err(Error::internal)?)))
}

/// Counts a message of somebody who is signed in.
///
/// # Errors
/// [`Error::RateLimited`] when it is one too many.
pub async fn count_message(state: &State, token: &Token) -> Result<()> {
    throttle::count(state, [&counter(state, token.user_id())], LIMIT).await
}

/// The name under which somebody's messages are counted.
pub(super) fn counter(state: &State, user: UserId) -> String {
    throttle::name(state, "chat", &[user.0.as_bytes()])
}

/// The first result of a request that was sent again.
#[derive(serde::Deserialize)]
struct First {
    same: bool,
    response: Value,
}

impl Question {
    fn from_row(row: &Row, slot: Option<(Key, Slot)>) -> Result<Self, tokio_postgres::Error> {
        let Json(history) = row.try_get("history")?;
        Ok(Self {
            traits: row.try_get("traits")?,
            preferences: row.try_get("preferences")?,
            communication_style: row.try_get("communication_style")?,
            history,
            slot,
        })
    }

    /// What the model is asked.
    pub fn prompt<'a>(&'a self, message: &'a ChatMessage) -> Prompt<'a> {
        Prompt {
            traits: &self.traits,
            preferences: &self.preferences,
            communication_style: self.communication_style.as_deref(),
            history: &self.history,
            message: message.text(),
        }
    }
}
