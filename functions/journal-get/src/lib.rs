//! `GET /api/journal/entries/{entry_id}`: one entry of the caller's journal, cached for five minutes or until the journal changes.

use shared::http::{Request, Response};
use shared::{AppState, Result};

/// Answers with the entry. Its `ETag` is what `If-Match` of a change asks for.
///
/// # Errors
/// `unauthenticated`, `invalid_fields` for an id that is none, `not_found` also for another user's entry, or `unavailable` when the
/// database is needed and away.
pub async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    let id = request.path_entry_id()?;

    let entry = state.store.journal().entry(&token, id).await?;

    Ok(Response::cacheable(entry))
}
