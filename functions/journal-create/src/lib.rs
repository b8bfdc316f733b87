//! `POST /api/journal/entries`: writes an entry into the caller's journal.
//!
//! Drops what is cached of the journal before it answers, so that the next list shows the entry.

use shared::http::{Reply, Request};
use shared::store::{self, Draft};
use shared::{Result, State};

/// Reads the entry and answers 201 with it. An `Idempotency-Key` makes it repeatable.
///
/// # Errors
/// `unauthenticated`, `forbidden` for another user's id, `invalid_fields`, `idempotency_key_reused`, or `unavailable` when the
/// database is.
pub async fn handle(state: &State, request: Request) -> Result<Reply> {
    let token = request.token()?;
    let (draft, user) = Draft::read(request.json()?)?;
    token.must_belong_to(user)?;
    let key = request.idempotency_key(state, "journal-create")?;

    let guard = store::begin_journal_write(state, token.user_id()).await?;
    let entry = store::create_entry(state, guard, &token, &draft, key.as_ref()).await?;

    Reply::created(&entry)
}
