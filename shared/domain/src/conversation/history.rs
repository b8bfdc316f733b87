//! What was said.

use cache::Key;
use db::Param;
use encoded_body::EncodedBody;
use jiff::Timestamp;
use llm::Role;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use utoipa::ToSchema;
use uuid::Uuid;

use super::CONVERSATIONS;
use crate::authenticated::{self, Read, authenticated_read};
use crate::cursor::{Cursor, HasCursor};
use crate::error::{Error, Result};
use crate::store::Store;
use crate::validation::{CallerId, DefaultField as _, OrDefault, integer_field};
use crate::{Token, UserId, request};

request! {
    /// Which part of the conversation is asked for.
    #[derive(Debug, Clone, Copy)]
    pub struct HistoryPage {
        /// The number of messages.
        limit: OrDefault<MessageLimit>,
        /// The `next_cursor` of the previous response.
        before: Option<Cursor>,
        /// The caller's own id, which older clients send.
        pub user_id: Option<CallerId>,
    }
}

integer_field!(
    /// The number of messages of a page.
    MessageLimit: i64, 1..=200, default 50
);

impl HistoryPage {
    /// The newest fifty messages.
    pub(super) const NEWEST: Self = Self { limit: MessageLimit::DEFAULT, before: None, user_id: None };

    /// The newest fifty have the documented name.
    pub(super) fn key(self, user: UserId) -> Key {
        let suffix = match (self.before, self.limit) {
            (None, MessageLimit::DEFAULT) => String::new(),
            (None, limit) => format!(":limit:{limit}"),
            (Some(before), limit) => format!(":limit:{limit}:before:{before}"),
        };
        CONVERSATIONS.key(user.0, format!("conversation:{user}{suffix}"))
    }
}

pub(crate) const HISTORY: Read = authenticated_read!(
    "conversation.history",
    "SELECT session.*, c.id AS conversation_id, m.* FROM session
    LEFT JOIN conversations c ON c.user_id = $2
    LEFT JOIN LATERAL (
        SELECT id, role, content, created_at FROM messages
        WHERE conversation_id = c.id AND (created_at, id) < ($3, $4)
        ORDER BY created_at DESC, id DESC LIMIT $5
    ) m ON true"
);

/// A part of the caller's conversation.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is not alive, [`Error::Unavailable`] when the database is needed and away.
pub async fn conversation_history(store: &Store, token: &Token, page: HistoryPage) -> Result<EncodedBody> {
    let key = page.key(token.user_id());
    let (before, one_more) = (page.before.unwrap_or(Cursor::START), page.limit + 1);
    let params: [Param<'_>; 3] =
        [(&before.created_at, Type::TIMESTAMPTZ), (&before.id, Type::UUID), (&one_more, Type::INT8)];
    let build = |rows: &[Row]| History::from_rows(page.limit, rows).map_err(Error::internal);
    authenticated::read(store, token, &key, HISTORY, &params, build).await
}

/// The answer: a part of the conversation, oldest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChatHistory)]
pub struct History {
    /// Which conversation, or null when nothing has been said.
    #[schema(required)]
    conversation_id: Option<Uuid>,
    /// Oldest first.
    #[schema(max_items = 200)]
    messages: Vec<Message>,
    /// The `before` of what was said before, or null when there is nothing.
    #[schema(required)]
    next_cursor: Option<String>,
    /// Whether there is.
    has_more: bool,
}

/// Something that was said.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ChatMessage)]
pub struct Message {
    /// Which message.
    pub id: Uuid,
    /// By whom.
    pub role: Role,
    /// What.
    pub content: String,
    /// When.
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
