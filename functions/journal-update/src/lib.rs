//! `PUT` and `PATCH /api/journal/entries/{entry_id}`: changes an entry of the caller's; fields that are absent stay as they are.
//!
//! Drops what is cached of the journal before it answers.

use shared::domain::EntryPatch;
use shared::http::{Request, Response};
use shared::{AppState, Result};

/// Reads the change and answers with the entry as it is now. With `If-Match`, only the version of that `ETag` is changed.
///
/// # Errors
/// `unauthenticated`, `forbidden` for another user's id, `invalid_fields`, `not_found` also for another user's entry,
/// `precondition_failed`, or `unavailable` when the database is.
pub async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    let id = request.path_entry_id()?;
    let patch: EntryPatch = request.json()?.parse()?;
    token.must_belong_to(patch.user_id)?;
    let key = request.idempotency_key(state, "journal-update")?;
    let if_match = request.if_match()?;

    let entry = state.store.journal().update(&token, id, &patch, if_match, key.as_ref()).await?;

    Response::ok(&entry)
}
