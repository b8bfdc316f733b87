//! `GET /api/users/{user_id}/profile`: the caller's profile, cached for an hour or until it is changed.

use shared::http::{Reply, Request};
use shared::store;
use shared::{Result, State};

/// Answers with the profile.
///
/// # Errors
/// `unauthenticated`, `forbidden` for another user's id, or `unavailable` when the database is needed and away.
pub async fn handle(state: &State, request: Request) -> Result<Reply> {
    let token = request.token()?;
    token.must_belong_to(Some(request.path_user_id()?))?;

    let profile = store::profile(state, &token).await?;

    Ok(Reply::cacheable(profile))
}
