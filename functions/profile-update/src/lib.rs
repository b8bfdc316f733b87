//! `PATCH /api/users/{user_id}/profile`: changes the caller's profile; fields that are absent stay as they are.
//!
//! Drops what is cached of the profile before it answers.

use shared::http::{Reply, Request};
use shared::store::{self, ProfileChange};
use shared::{Result, State};

/// Reads `traits`, `communication_style` and `preferences`, and answers with the profile as it is now.
///
/// # Errors
/// `unauthenticated`, `forbidden` for another user's id, `invalid_fields`, or `unavailable` when the database is.
pub async fn handle(state: &State, request: Request) -> Result<Reply> {
    let token = request.token()?;
    token.must_belong_to(Some(request.path_user_id()?))?;
    let change = ProfileChange::read(request.json()?)?;
    let key = request.idempotency_key(state, "profile-update")?;

    let guard = store::begin_profile_write(state, token.user_id()).await?;
    let profile = store::update_profile(state, guard, &token, &change, key.as_ref()).await?;

    Reply::ok(&profile)
}
