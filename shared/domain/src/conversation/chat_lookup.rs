//! What is known before the model is asked.

use std::time::Duration;

use cache::{FillPermit, Key};
use db::Param;
use futures_util::future::join;
use llm::Prompt;
use serde_json::Value;
use tokio_postgres::types::{Json, Type};

use super::context::{self, CONTEXT, Context};
use super::exchange::{self, Exchange};
use super::{ChatMessage, ModelReply};
use crate::authenticated;
use crate::error::{Error, Result};
use crate::idempotency::{self, IdempotencyKey};
use crate::rate_limit::{self, Limit};
use crate::store::Store;
use crate::{Token, UserId, cached};

/// How often somebody may speak: more than anybody types.
pub(super) const LIMIT: Limit = Limit { times: 30, window: Duration::from_secs(60) };

/// What a message came upon.
pub enum ChatLookup {
    /// The same request has been answered before.
    Replayed(Value),
    /// The model has answered this before, and that it is said again has been announced.
    Cached(ModelReply, Exchange),
    /// The model has to be asked.
    Uncached(Box<Question>),
}

/// A message with all that its answer depends on.
pub struct Question {
    context: Context,
    /// Where the answer may be kept.
    pub(super) slot: Option<(Key, FillPermit)>,
}

/// Finds out who asks, whether they ask too often, and what is known of the answer.
///
/// One round trip to Redis brings the session and an earlier answer; if there is none, another one what the answer depends on. If that is not
/// there either, or if a key asks for what was kept under it, one statement does.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is not alive, [`Error::RateLimited`], [`Error::IdempotencyKeyReused`], or [`Error::Unavailable`] when
/// the database is.
pub async fn ask(
    store: &Store,
    model: &str,
    token: &Token,
    message: &ChatMessage,
    key: Option<&IdempotencyKey>,
) -> Result<ChatLookup> {
    let answer_key = message.key(store, model, token.user_id());
    let (caller, known, slot) = match answer_key {
        Some(key) => {
            let (caller, answer) =
                cached::look_up_for(store, token, &key, |bytes| ModelReply::from_bytes(&bytes)).await;
            (caller, answer.value, answer.slot.map(|slot| (key, slot)))
        }
        None => (cached::look_up_session(store, token).await, None, None),
    };
    let known = match known {
        Some(spoken) if caller.is_alive() => {
            let exchange = exchange::begin_counted_exchange(store, token.user_id()).await?;
            return Ok(ChatLookup::Cached(spoken, exchange));
        }
        known => known,
    };
    // The message counts only for somebody who is signed in: or anybody who knows an id could use up what its owner has.
    let is_alive = caller.is_alive();
    if is_alive {
        let context = async {
            match key {
                None => Context::look_up(store, token.user_id()).await,
                Some(_) => None,
            }
        };
        let (context, counted) = Box::pin(join(context, count_message(store, token))).await;
        counted?;
        if let Some(context) = context {
            // The model is not asked for what could not be kept, as far as is known: a database that answered lately is not asked again.
            store.db.ready().await?;
            return Ok(ChatLookup::Uncached(Box::new(Question { context, slot })));
        }
    }
    let kept = idempotency::columns(key);
    let params: [Param<'_>; 5] = [
        (&context::TURNS, Type::INT8),
        (&context::TURN_CHARACTERS, Type::INT4),
        (&kept.endpoint, Type::TEXT),
        (&kept.key_hash, Type::BYTEA),
        (&kept.request_hash, Type::BYTEA),
    ];
    let rows = match caller.rows(store, token, CONTEXT, &params).await {
        Ok(rows) => rows,
        Err(error) => {
            slot.into_iter().for_each(|(_, slot)| store.cache.abandon(slot));
            return Err(error);
        }
    };
    if !is_alive {
        count_message(store, token).await?;
    }
    let row = rows.first().ok_or_else(authenticated::session_expired)?;
    if let Some(Json(first)) = row.try_get::<_, Option<Json<First>>>("kept").map_err(Error::internal)? {
        return if first.same { Ok(ChatLookup::Replayed(first.response)) } else { Err(Error::IdempotencyKeyReused) };
    }
    if let Some(spoken) = known {
        let exchange = exchange::begin_exchange(store, token.user_id()).await?;
        return Ok(ChatLookup::Cached(spoken, exchange));
    }
    let context = Context::from_row(row).map_err(Error::internal)?;
    Ok(ChatLookup::Uncached(Box::new(Question { context, slot })))
}

/// Counts a message of somebody who is signed in.
///
/// # Errors
/// [`Error::RateLimited`] when it is one too many.
pub async fn count_message(store: &Store, token: &Token) -> Result<()> {
    rate_limit::count(store, [&counter(store, token.user_id())], LIMIT).await
}

/// The name under which somebody's messages are counted.
pub(super) fn counter(store: &Store, user: UserId) -> String {
    rate_limit::name(store, "chat", &[user.0.as_bytes()])
}

/// The first result of a request that was sent again.
#[derive(serde::Deserialize)]
struct First {
    same: bool,
    response: Value,
}

impl Question {
    /// What the model is asked.
    pub fn prompt<'a>(&'a self, message: &'a ChatMessage) -> Prompt<'a> {
        self.context.prompt(message)
    }
}
