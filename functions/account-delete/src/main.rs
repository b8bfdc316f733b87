//! `DELETE /api/account`: deletes the caller's account with everything in it, for good.
//!
//! Repeatable with the same token for a day. When the cache cannot be told, the answer is 503: the account is gone from the database, and the
//! outbox finishes the rest within a minute.

use std::process::ExitCode;

use shared::http::{Request, Response};
use shared::{AppState, Result};

fn main() -> ExitCode {
    shared::run(handle)
}

/// Deletes the account.
///
/// Deletes the account with everything in it, for good. The same token may repeat the request for a
/// day.
#[utoipa::path(
    delete,
    path = "/api/account",
    operation_id = "account-delete",
    tag = "accounts",
    security(("bearerAuth" = [])),
    params(("Idempotency-Key", Header)),
    responses((
        status = 204,
        description = "The account, the profile, the entries, the conversation and the sessions are deleted."
    ))
)]
async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    // Repeatable anyway; what is no key is told all the same.
    request.idempotency_key(state, "account-delete")?;

    state.store.accounts().delete(&token).await?;

    Ok(Response::no_content())
}
