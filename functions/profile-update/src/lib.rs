//! `PATCH /api/users/{user_id}/profile`: changes the caller's profile; fields that are absent stay as they are.
//!
//! Drops what is cached of the profile before it answers.

use shared::domain::ProfilePatch;
use shared::http::{Request, Response};
use shared::{AppState, Result};

/// Reads `traits`, `communication_style` and `preferences`, and answers with the profile as it is now.
///
/// # Errors
/// `unauthenticated`, `forbidden` for another user's id, `invalid_fields`, or `unavailable` when the database is.
pub async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    token.must_belong_to(Some(request.path_user_id()?))?;
    let patch: ProfilePatch = request.json()?.parse()?;
    let key = request.idempotency_key(state, "profile-update")?;

    let profile = state.store.profiles().update(&token, &patch, key.as_ref()).await?;

    Response::ok(&profile)
}
