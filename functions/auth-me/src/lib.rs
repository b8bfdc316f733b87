//! `GET /api/auth/me`: the caller's account, from the session's record or the database.

use shared::document::Document;
use shared::error::Error;
use shared::http::{Reply, Request};
use shared::store;
use shared::{Result, State};

/// Answers with the account.
///
/// # Errors
/// `unauthenticated`, or `unavailable` when the database is needed and away.
pub async fn handle(state: &State, request: Request) -> Result<Reply> {
    let token = request.token()?;

    let session = store::current_session(state, &token).await?;

    Ok(Reply::cacheable(Document::new(&session.account).map_err(Error::internal)?))
}
