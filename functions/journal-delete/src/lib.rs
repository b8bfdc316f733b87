//! `DELETE /api/journal/entries/{entry_id}`: deletes an entry of the caller's, for good.
//!
//! Drops what is cached of the journal before it answers.

use shared::http::{Request, Response};
use shared::{AppState, Result};

/// Answers 204. With `If-Match`, only the version of that `ETag` is deleted.
///
/// # Errors
/// `unauthenticated`, `invalid_fields` for an id that is none, `not_found` also for another user's entry and for one that has been deleted
/// already, `precondition_failed`, or `unavailable` when the database is.
pub async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    let id = request.path_entry_id()?;
    let key = request.idempotency_key(state, "journal-delete")?;
    let if_match = request.if_match()?;

    state.store.journal().delete(&token, id, if_match, key.as_ref()).await?;

    Ok(Response::no_content())
}
