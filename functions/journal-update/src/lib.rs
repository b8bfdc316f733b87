//! `PUT` and `PATCH /api/journal/entries/{entry_id}`: changes an entry of the caller's; fields that are absent stay as they are.
//!
//! Drops what is cached of the journal before it answers.

use shared::http::{Reply, Request};
use shared::store::{self, Entry, EntryChange};
use shared::{Result, State};

/// Reads the change and answers with the entry as it is now. With `If-Match`, only the version of that `ETag` is changed.
///
/// # Errors
/// `unauthenticated`, `forbidden` for another user's id, `invalid_fields`, `not_found` also for another user's entry,
/// `precondition_failed`, or `unavailable` when the database is.
pub async fn handle(state: &State, request: Request) -> Result<Reply> {
    let token = request.token()?;
    let id = request.path_entry_id()?;
    let (change, user) = EntryChange::read(request.json()?)?;
    token.must_belong_to(user)?;
    let key = request.idempotency_key(state, "journal-update")?;
    if let Some(first) = store::first_result::<Entry>(state, &token, key.as_ref()).await? {
        return Reply::ok(&first);
    }

    let precondition = store::expect(state, &token, id, request.if_match()?).await?;
    let guard = store::begin_journal_write(state, token.user_id()).await?;
    let entry = store::update_entry(state, guard, &token, id, &change, precondition, key.as_ref()).await?;

    Reply::ok(&entry)
}
