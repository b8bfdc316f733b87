//! Forgetting what was said.

use cache::WriteGuard;
use db::Statement;

use crate::Token;
use crate::authenticated::authenticated;
use crate::error::Result;
use crate::idempotency::{Empty, IdempotencyKey};
use crate::idempotent_write;
use crate::store::Store;

/// What an `Idempotency-Key` has kept of the conversation goes with it.
pub(crate) const CLEAR: Statement = Statement {
    name: "conversation.clear",
    sql: authenticated!(
        once
        "gone AS (
            DELETE FROM conversations c USING session WHERE c.user_id = session.user_id
        ), forgotten AS (
            DELETE FROM idempotency_keys k USING session WHERE k.scope = session.user_id AND k.endpoint = 'chat-send'
        ), answer AS (SELECT '{}'::jsonb AS response)"
    ),
};

/// Deletes the caller's conversation for good, if there is one.
///
/// # Errors
/// [`Error::Unauthenticated`](crate::Error::Unauthenticated) when the session is not alive,
/// [`Error::Unavailable`](crate::Error::Unavailable) when the database is away.
pub async fn clear_conversation(
    store: &Store,
    guard: WriteGuard,
    token: &Token,
    key: Option<&IdempotencyKey>,
) -> Result<()> {
    idempotent_write::write::<Empty>(store, guard, token, key, CLEAR, &[]).await?.answer().map(drop)
}
