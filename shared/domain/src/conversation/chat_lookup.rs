//! Looks up the reply to a message, or what the model needs for a reply.

use cache::{FillPermit, Key};
use futures_util::future::join;
use llm::Prompt;
use serde_json::Value;
use tokio_postgres::types::Json;

use super::context::{self, Context};
use super::exchange::Exchange;
use super::message_limit::count_message;
use super::{ChatMessage, Conversation, ModelReply};
use crate::authenticated;
use crate::error::{Error, Result};
use crate::idempotency::{self, IdempotencyKey};
use crate::query::sql;
use crate::token::Token;

/// The result of the lookup of a message.
pub enum ChatLookup {
    /// The request is a repetition. This is the first response.
    Replayed(Value),
    /// The cache has the model's reply to the same message. The exchange has been announced.
    Cached(ModelReply, Exchange),
    /// The model must be asked.
    Uncached(Box<Question>),
}

/// Everything that the model's reply depends on, besides the message.
pub struct Question {
    context: Context,
    /// The key and the permit to cache the reply, unless it must not be cached.
    pub(super) permit: Option<(Key, FillPermit)>,
}

impl Conversation<'_> {
    /// Identifies the caller, enforces the rate limit, and looks up the reply to a message.
    ///
    /// One round trip to Redis fetches the session and an earlier reply. If there is none, another
    /// round trip fetches what the reply depends on. If that is not cached either, or if there is
    /// an `Idempotency-Key`, one statement fetches it.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the session is not live, [`Error::RateLimited`],
    /// [`Error::IdempotencyKeyReused`], or [`Error::Unavailable`] if the database is unavailable.
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
        // Only a message from a signed-in caller counts. Otherwise, anyone who knows a user's id
        // could exhaust that user's limit.
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
                // The model is not asked if the database is known to be unavailable, because the
                // reply could not be stored. A database that has responded recently is not pinged.
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
        if let Some(Json(first)) = row.try_get::<_, Option<Json<FirstResponse>>>("kept").map_err(Error::internal)? {
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

/// The first response under an `Idempotency-Key`.
#[derive(serde::Deserialize)]
struct FirstResponse {
    /// Whether the first request was the same as this one.
    same: bool,
    response: Value,
}

impl Question {
    /// Returns the prompt for the model.
    pub fn prompt<'a>(&'a self, message: &'a ChatMessage) -> Prompt<'a> {
        self.context.prompt(message)
    }
}
