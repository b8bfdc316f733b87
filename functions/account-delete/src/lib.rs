//! `DELETE /api/account`: deletes the caller's account with everything in it, for good.
//!
//! Repeatable with the same token for a day. When the cache cannot be told, the answer is 503: the account is gone from the database, and the
//! outbox finishes the rest within a minute.

use shared::http::{Request, Response};
use shared::{AppState, Result};

/// Answers 204.
///
/// # Errors
/// `unauthenticated`, or `unavailable` when the database is away or the cache could not be told.
pub async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    // Repeatable anyway; what is no key is told all the same.
    request.idempotency_key(state, "account-delete")?;

    state.store.accounts().delete(&token).await?;

    Ok(Response::no_content())
}
