//! `DELETE /api/journal/entries/{entry_id}`: deletes an entry of the caller's, for good.
//!
//! Drops what is cached of the journal before it answers.

use shared::http::{Reply, Request};
use shared::store::{self, Done};
use shared::{Result, State};

/// Answers 204. With `If-Match`, only the version of that `ETag` is deleted.
///
/// # Errors
/// `unauthenticated`, `invalid_fields` for an id that is none, `not_found` also for another user's entry and for one that has been deleted
/// already, `precondition_failed`, or `unavailable` when the database is.
pub async fn handle(state: &State, request: Request) -> Result<Reply> {
    let token = request.token()?;
    let id = request.path_entry_id()?;
    let key = request.idempotency_key(state, "journal-delete")?;
    if store::first_result::<Done>(state, &token, key.as_ref()).await?.is_some() {
        return Ok(Reply::no_content());
    }

    let precondition = store::expect(state, &token, id, request.if_match()?).await?;
    let guard = store::begin_journal_write(state, token.user_id()).await?;
    store::delete_entry(state, guard, &token, id, precondition, key.as_ref()).await?;

    Ok(Reply::no_content())
}
