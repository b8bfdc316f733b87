//! Forgetting what was said.

use crate::cache::WriteGuard;
use crate::db::Statement;
use crate::error::Result;
use crate::state::State;
use crate::store::Token;
use crate::store::authenticated::authenticated;
use crate::store::idempotency::{Done, IdempotencyKey};
use crate::store::once;

/// What an `Idempotency-Key` has kept of the conversation goes with it.
pub(in crate::store) const CLEAR: Statement = Statement {
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
    state: &State,
    guard: WriteGuard,
    token: &Token,
    key: Option<&IdempotencyKey>,
) -> Result<()> {
    once::write_once::<Done>(state, guard, token, key, CLEAR, &[]).await?.answer().map(drop)
}
