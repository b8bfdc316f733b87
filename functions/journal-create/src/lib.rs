//! `POST /api/journal/entries`: writes an entry into the caller's journal.
//!
//! Drops what is cached of the journal before it answers, so that the next list shows the entry.

use shared::domain::NewEntry;
use shared::http::{Request, Response};
use shared::{AppState, Result};

/// Reads the entry and answers 201 with it. An `Idempotency-Key` makes it repeatable.
///
/// # Errors
/// `unauthenticated`, `forbidden` for another user's id, `invalid_fields`, `idempotency_key_reused`, or `unavailable` when the
/// database is.
pub async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    let draft: NewEntry = request.json()?.parse()?;
    token.must_belong_to(draft.user_id)?;
    let key = request.idempotency_key(state, "journal-create")?;

    let entry = state.store.journal().create(&token, &draft, key.as_ref()).await?;

    Response::created(&entry)
}
