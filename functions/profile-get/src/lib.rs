//! `GET /api/users/{user_id}/profile`: the caller's profile, cached for an hour or until it is changed.

use shared::http::{Request, Response};
use shared::{AppState, Result};

/// Answers with the profile.
///
/// # Errors
/// `unauthenticated`, `forbidden` for another user's id, or `unavailable` when the database is needed and away.
pub async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    token.must_belong_to(Some(request.path_user_id()?))?;

    let profile = state.store.profiles().get(&token).await?;

    Ok(Response::cacheable(profile))
}
