//! Looks up the reply to a message, or what the model needs to make one.

use std::time::Duration;

use cache::{FillPermit, Key};
use futures_util::future::join;
use llm::Prompt;
use serde_json::Value;
use tokio_postgres::types::Json;

use super::context::{self, Context};
use super::exchange::Exchange;
use super::{ChatMessage, Conversation, ModelReply};
use crate::authenticated;
use crate::error::{Error, Result};
use crate::idempotency::{self, IdempotencyKey};
use crate::query::sql;
use crate::rate_limit::{self, Limit};
use crate::store::Store;
use crate::token::Token;
use crate::user_id::UserId;

/// The rate limit of messages, which is more than a person types.
pub(super) const LIMIT: Limit = Limit { times: 30, window: Duration::from_secs(60) };

/// The result of the look-up of a message.
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
    pub(super) permit: Option<(Key, FillPermit)>,
}

impl Conversation<'_> {
    /// Finds out who asks, whether they ask too often, and whether the reply is known.
    ///
    /// One round trip to Redis fetches the session and an earlier reply; without one, another round trip what the reply depends on. If that
    /// is not cached either, or if a key asks for what was stored under it, one statement fetches it.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the session is not live, [`Error::RateLimited`], [`Error::IdempotencyKeyReused`], or
    /// [`Error::Unavailable`] if the database is unavailable.
    pub async fn look_up(
        self,
        token: &Token,
        model: &str,
        message: &ChatMessage,
        key: Option<&IdempotencyKey>,
    ) -> Result<ChatLookup> {
        let Self { store } = self;
        let reply_key = message.key(store, model, token.user_id());
        let (session, reply, permit) = match reply_key {
            Some(key) => {
                let parse = |bytes: Vec<u8>| ModelReply::from_bytes(&bytes);
                let (session, reply) = authenticated::look_up(store, token, &key, parse).await;
                (session, reply.value, reply.permit.map(|permit| (key, permit)))
            }
            None => (authenticated::look_up_session(store, token).await, None, None),
        };
        let is_known = session.value.is_some();
        let reply = match reply {
            Some(reply) if is_known => {
                return Ok(ChatLookup::Cached(reply, Exchange::begin_counted(store, token.user_id()).await?));
            }
            reply => reply,
        };
        // The message counts only for a caller who is signed in: otherwise anybody who knows an id could use up its owner's limit.
        if is_known {
            let context = async {
                match key {
                    None => Context::look_up(store, token.user_id()).await,
                    Some(_) => None,
                }
            };
            let (context, counted) = Box::pin(join(context, count_message(store, token))).await;
            counted?;
            if let Some(context) = context {
                // The model is not asked for a reply that could not be stored, as far as is known: a database that answered lately is not
                // asked again.
                store.db.ready().await?;
                return Ok(ChatLookup::Uncached(Box::new(Question { context, permit })));
            }
        }
        let columns = idempotency::columns(key);
        let statement = sql::conversation::Context {
            turns: context::TURNS,
            turn_characters: context::TURN_CHARACTERS,
            sent_to: columns.endpoint,
            key: columns.key_hash.as_deref(),
            request: columns.request_hash.as_deref(),
        };
        let rows = match authenticated::rows(store, token, session, &statement).await {
            Ok(rows) => rows,
            Err(error) => {
                permit.into_iter().for_each(|(_, permit)| store.cache.abandon(permit));
                return Err(error);
            }
        };
        if !is_known {
            count_message(store, token).await?;
        }
        let row = rows.first().ok_or_else(authenticated::session_expired)?;
        if let Some(Json(first)) = row.try_get::<_, Option<Json<First>>>("kept").map_err(Error::internal)? {
            return if first.same {
                Ok(ChatLookup::Replayed(first.response))
            } else {
                Err(Error::IdempotencyKeyReused)
            };
        }
        if let Some(reply) = reply {
            return Ok(ChatLookup::Cached(reply, Exchange::begin(store, token.user_id()).await?));
        }
        let context = Context::from_row(row).map_err(Error::internal)?;
        Ok(ChatLookup::Uncached(Box::new(Question { context, permit })))
    }
}

/// Counts a message of a caller who is signed in.
///
/// # Errors
/// [`Error::RateLimited`] when it is one too many.
pub(super) async fn count_message(store: &Store, token: &Token) -> Result<()> {
    rate_limit::count(store, [&counter(store, token.user_id())], LIMIT).await
}

/// The name of the counter of a user's messages.
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
