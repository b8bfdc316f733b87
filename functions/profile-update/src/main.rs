//! `PATCH /api/users/{user_id}/profile`: changes the caller's profile. Absent fields keep their
//! values.
//!
//! Invalidates the cached profile, and the model's cached replies, before it responds.

use std::process::ExitCode;

use shared::domain::{Profile, ProfilePatch};
use shared::http::{Request, Response};
use shared::{AppState, Result};

fn main() -> ExitCode {
    shared::run(handle)
}

/// Changes the caller's profile.
///
/// Absent fields keep their values. Kai's replies depend on the profile, so replies that were
/// cached for the old profile are not used again.
#[utoipa::path(
    patch,
    path = "/api/users/{user_id}/profile",
    operation_id = "profile-update",
    tag = "profile",
    security(("bearerAuth" = [])),
    params(("user_id", Path), ("Idempotency-Key", Header)),
    request_body(content = ProfilePatch, description = "The fields to change."),
    responses(
        (status = 200, description = "The changed profile.", body = Profile),
        (status = 403, description = "forbidden"),
    )
)]
async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    token.must_belong_to(Some(request.path_user_id()?))?;
    let patch: ProfilePatch = request.json()?.parse()?;
    let key = request.idempotency_key(state, "profile-update")?;

    let profile = state.store.profiles().update(&token, &patch, key.as_ref()).await?;

    Response::ok(&profile)
}
