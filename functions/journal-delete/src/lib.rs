//! `DELETE /api/journal/entries/{entry_id}`: deletes an entry of the caller's, for good.
//!
//! Drops what is cached of the journal before it answers.

use shared::http::{Request, Response};
use shared::{AppState, Result, domain};

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

    let deleted = async {
        let precondition = domain::expect(&state.store, &token, id, if_match).await?;
        let guard = domain::begin_journal_write(&state.store, token.user_id()).await?;
        domain::delete_entry(&state.store, guard, &token, id, precondition, key.as_ref()).await
    };
    domain::or_replay(&state.store, &token, key.as_ref(), deleted.await).await?;

    Ok(Response::no_content())
}
