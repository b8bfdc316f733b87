//! `PUT` and `PATCH /api/journal/entries/{entry_id}`: changes an entry of the caller's; fields that are absent stay as they are.
//!
//! Drops what is cached of the journal before it answers.

use shared::http::{Reply, Request};
use shared::store::{self, EntryChange};
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
    let if_match = request.if_match()?;

    let changed = async {
        let precondition = store::expect(state, &token, id, if_match).await?;
        let guard = store::begin_journal_write(state, token.user_id()).await?;
        store::update_entry(state, guard, &token, id, &change, precondition, key.as_ref()).await
    };
    let entry = store::or_first(state, &token, key.as_ref(), changed.await).await?;

    Reply::ok(&entry)
}
