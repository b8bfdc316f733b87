//! `DELETE /api/account`: deletes the caller's account with everything in it, for good.
//!
//! Repeatable with the same token for a day. When the cache cannot be told, the answer is 503: the account is gone from the database, and the
//! outbox finishes the rest within a minute.

use shared::http::{Reply, Request};
use shared::{Result, State, store};

/// Answers 204.
///
/// # Errors
/// `unauthenticated`, or `unavailable` when the database is away or the cache could not be told.
pub async fn handle(state: &State, request: Request) -> Result<Reply> {
    let token = request.token()?;
    // Repeatable anyway; what is no key is told all the same.
    request.idempotency_key(state, "account-delete")?;

    let guard = store::begin_deletion(state, token.user_id()).await?;
    store::delete_account(state, guard, &token).await?;

    Ok(Reply::no_content())
}
