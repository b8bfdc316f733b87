//! The history of the conversation.

use cache::Key;
use encoded_body::EncodedBody;
use jiff::Timestamp;
use llm::Role;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Conversation;
use crate::authenticated::cached_read;
use crate::cursor::{Cursor, HasCursor};
use crate::error::{Error, Result};
use crate::families::CONVERSATIONS;
use crate::query::sql;
use crate::request;
use crate::token::Token;
use crate::user_id::UserId;
use crate::validation::{CallerId, DefaultField as _, OrDefault, integer_field};

request! {
    /// The part of the conversation to return.
    #[derive(Debug, Clone, Copy)]
    pub struct HistoryPage {
        /// The maximum number of messages, from 1 to 200.
        limit: OrDefault<MessageLimit>,
        /// The `next_cursor` of the previous response, or an RFC 3339 time. The page has the
        /// messages before it.
        before: Option<Cursor>,
        /// The id of the user who is signed in, which older clients send. Any other id is rejected
        /// with 403.
        pub user_id: Option<CallerId>,
    }
}

integer_field!(
    /// The maximum number of messages on a page.
    MessageLimit: i64, 1..=200, default 50
);

impl HistoryPage {
    /// The newest messages, as many as by default.
    pub(super) const NEWEST: Self = Self { limit: MessageLimit::DEFAULT, before: None, user_id: None };

    /// Returns the cache key of the page. The newest page has the documented name,
    /// `conversation:{user_id}`.
    pub(super) fn key(self, user: UserId) -> Key {
        let suffix = match (self.before, self.limit) {
            (None, MessageLimit::DEFAULT) => String::new(),
            (None, limit) => format!(":limit:{limit}"),
            (Some(before), limit) => format!(":limit:{limit}:before:{before}"),
        };
        CONVERSATIONS.key(user.0, format!("conversation:{user}{suffix}"))
    }
}

impl Conversation<'_> {
    /// Returns a page of the caller's conversation.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the session is not live, [`Error::Unavailable`] if the
    /// database is needed and unavailable.
    pub async fn history(self, token: &Token, page: HistoryPage) -> Result<EncodedBody> {
        let before = page.before.unwrap_or(Cursor::START);
        let statement = sql::conversation::History {
            before_time: before.created_at,
            before_id: before.id,
            // One more row shows whether there are older messages.
            limit: page.limit + 1,
        };
        let build = |rows: &[Row]| History::from_rows(page.limit, rows).map_err(Error::internal);
        cached_read(self.store, token, &page.key(token.user_id()), &statement, build).await
    }
}

/// A page of the conversation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChatHistory)]
pub struct History {
    /// The id of the conversation, or null if there is no conversation.
    #[schema(required)]
    conversation_id: Option<Uuid>,
    /// The messages of the page, oldest first.
    #[schema(max_items = 200)]
    messages: Vec<Message>,
    /// The value of `before` that requests the next older messages, or null if there are none.
    #[schema(required)]
    next_cursor: Option<String>,
    /// Whether there are older messages.
    has_more: bool,
}

/// A message of the conversation.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ChatMessage)]
pub struct Message {
    /// The id of the message.
    pub id: Uuid,
    /// The author of the message.
    pub role: Role,
    /// The text of the message.
    pub content: String,
    /// When the message was stored.
    pub created_at: Timestamp,
}

impl HasCursor for Message {
    fn position(&self) -> Cursor {
        Cursor { created_at: self.created_at, id: self.id }
    }
}

impl Message {
    fn from_joined(row: &Row) -> Result<Option<Self>, tokio_postgres::Error> {
        let Some(id) = row.try_get("id")? else { return Ok(None) };
        let role = if row.try_get::<_, &str>("role")? == "user" { Role::User } else { Role::Assistant };
        Ok(Some(Self { id, role, content: row.try_get("content")?, created_at: row.try_get("created_at")? }))
    }
}

impl History {
    fn from_rows(limit: i64, rows: &[Row]) -> Result<Self, tokio_postgres::Error> {
        let conversation_id = rows.first().map(|row| row.try_get("conversation_id")).transpose()?.flatten();
        let mut messages: Vec<Message> =
            rows.iter().filter_map(|row| Message::from_joined(row).transpose()).collect::<Result<_, _>>()?;
        messages.sort_by_key(|message| std::cmp::Reverse((message.created_at, message.id)));
        let next = Cursor::after(&mut messages, usize::try_from(limit).unwrap_or(0));
        messages.reverse();
        Ok(Self {
            conversation_id,
            messages,
            has_more: next.is_some(),
            next_cursor: next.map(|position| position.to_string()),
        })
    }
}
