//! `DELETE /api/journal/entries/{entry_id}`: deletes an entry of the caller's, for good.
//!
//! Drops what is cached of the journal before it answers.

use shared::http::{Reply, Request};
use shared::{Result, State, store};

/// Answers 204.
///
/// # Errors
/// `unauthenticated`, `invalid_fields` for an id that is none, `not_found` also for another user's entry and for one that has been deleted
/// already, or `unavailable` when the database is.
pub async fn handle(state: &State, request: Request) -> Result<Reply> {
    let token = request.token()?;
    let id = request.path_entry_id()?;

    let guard = store::begin_journal_write(state, token.user_id()).await?;
    store::delete_entry(state, guard, &token, id).await?;

    Ok(Reply::no_content())
}
