//! `GET /api/auth/me`: returns the caller's account, from the session's record or the database.

use std::process::ExitCode;

use shared::domain::Account;
use shared::encoded_body::EncodedBody;
use shared::error::Error;
use shared::http::{Request, Response};
use shared::{AppState, Result};

fn main() -> ExitCode {
    shared::run(handle)
}

/// Returns the caller's account.
///
/// Returns the account that the token belongs to.
#[utoipa::path(
    get,
    path = "/api/auth/me",
    operation_id = "auth-me",
    tag = "accounts",
    security(("bearerAuth" = [])),
    params(("If-None-Match", Header)),
    responses((status = 200, description = "The account.", body = Account))
)]
async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;

    let session = state.store.sessions().current(&token).await?;

    Ok(Response::cacheable(EncodedBody::new(&session.account).map_err(Error::internal)?))
}
