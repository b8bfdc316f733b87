//! `GET /api/users/{user_id}/profile`: returns the caller's profile, which is cached for an hour or
//! until it changes.

use std::process::ExitCode;

use shared::domain::Profile;
use shared::http::{Request, Response};
use shared::{AppState, Result};

fn main() -> ExitCode {
    shared::run(handle)
}

/// Returns the caller's profile.
///
/// The profile describes how Kai should talk with the caller.
#[utoipa::path(
    get,
    path = "/api/users/{user_id}/profile",
    operation_id = "profile-get",
    tag = "profile",
    security(("bearerAuth" = [])),
    params(("user_id", Path), ("If-None-Match", Header)),
    responses((status = 200, description = "The profile.", body = Profile), (status = 403, description = "forbidden"))
)]
async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    token.must_belong_to(Some(request.path_user_id()?))?;

    let profile = state.store.profiles().get(&token).await?;

    Ok(Response::cacheable(profile))
}
