//! `GET /api/auth/me`: the caller's account, from the session's record or the database.

use shared::encoded_body::EncodedBody;
use shared::error::Error;
use shared::http::{Request, Response};
use shared::{AppState, Result};

/// Answers with the account.
///
/// # Errors
/// `unauthenticated`, or `unavailable` when the database is needed and away.
pub async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;

    let session = state.store.sessions().current(&token).await?;

    Ok(Response::cacheable(EncodedBody::new(&session.account).map_err(Error::internal)?))
}
