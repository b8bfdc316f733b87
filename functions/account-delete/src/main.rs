//! `DELETE /api/account`: deletes the caller's account and all of its data permanently.
//!
//! For 24 hours, the client may repeat the request with the same token. If the account is deleted
//! but the cache cannot be invalidated, the response is 503, and the outbox completes the
//! invalidation within a minute.

use std::process::ExitCode;

use shared::http::{Request, Response};
use shared::{AppState, Result};

fn main() -> ExitCode {
    shared::run(handle)
}

/// Deletes the caller's account.
///
/// Deletes the account, the profile, the journal, the conversation and all sessions permanently.
/// For 24 hours, a repetition with the same token also succeeds. A 503 can mean that the account is
/// deleted, but that some servers may still return cached data for up to a minute.
#[utoipa::path(
    delete,
    path = "/api/account",
    operation_id = "account-delete",
    tag = "accounts",
    security(("bearerAuth" = [])),
    params(("Idempotency-Key", Header)),
    responses((
        status = 204,
        description = "The account and all of its data are deleted."
    ))
)]
async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    // The request is repeatable without a key. A malformed key is rejected, as everywhere else.
    request.idempotency_key(state, "account-delete")?;

    state.store.accounts().delete(&token).await?;

    Ok(Response::no_content())
}
