//! `PUT` and `PATCH /api/journal/entries/{entry_id}`: changes an entry of the caller's; fields that are absent stay as they are.
//!
//! Drops what is cached of the journal before it answers.

use shared::domain::{self, EntryPatch};
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
    let change: EntryPatch = request.json()?.parse()?;
    token.must_belong_to(change.user_id)?;
    let key = request.idempotency_key(state, "journal-update")?;
    let if_match = request.if_match()?;

    let changed = async {
        let precondition = domain::expect(&state.store, &token, id, if_match).await?;
        let guard = domain::begin_journal_write(&state.store, token.user_id()).await?;
        domain::update_entry(&state.store, guard, &token, id, &change, precondition, key.as_ref()).await
    };
    let entry = domain::or_replay(&state.store, &token, key.as_ref(), changed.await).await?;

    Response::ok(&entry)
}
