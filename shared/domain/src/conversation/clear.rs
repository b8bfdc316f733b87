//! Deletion of the conversation.

use super::Conversation;
use crate::authenticated;
use crate::error::Result;
use crate::families::{ANSWERS, CONVERSATIONS};
use crate::idempotency::{Empty, IdempotencyKey};
use crate::idempotent_write;
use crate::query::sql;
use crate::store::Store;
use crate::token::Token;
use crate::user_id::UserId;

impl Conversation<'_> {
    /// Deletes the caller's conversation permanently, if there is one, and drops the model's cached
    /// replies.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`](crate::Error::Unauthenticated) if the session is not live,
    /// [`Error::Unavailable`](crate::Error::Unavailable) if the database is unavailable.
    pub async fn clear(self, token: &Token, key: Option<&IdempotencyKey>) -> Result<()> {
        let guard = begin_conversation_reset(self.store, token.user_id()).await?;
        let clear = sql::conversation::Clear {};
        idempotent_write::write::<_, Empty>(self.store, guard, token, key, &clear).await?.answer().map(drop)
    }
}

/// Announces a change to the conversation. The change also invalidates the model's cached replies.
pub(super) async fn begin_conversation_reset(store: &Store, user: UserId) -> Result<cache::WriteGuard> {
    authenticated::begin(store, vec![CONVERSATIONS.guard(user.0), ANSWERS.guard(user.0)]).await
}
