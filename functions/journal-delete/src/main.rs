//! `DELETE /api/journal/entries/{entry_id}`: deletes an entry of the caller's, for good.
//!
//! Drops what is cached of the journal before it answers.

use std::process::ExitCode;

use shared::http::{Request, Response};
use shared::{AppState, Result};

fn main() -> ExitCode {
    shared::run(handle)
}

/// Deletes an entry.
///
/// Deletes an entry of the caller's, for good. With `If-Match`, only the version of that `ETag` is
/// deleted.
#[utoipa::path(
    delete,
    path = "/api/journal/entries/{entry_id}",
    operation_id = "journal-delete",
    tag = "journal",
    security(("bearerAuth" = [])),
    params(("entry_id", Path), ("If-Match", Header), ("Idempotency-Key", Header)),
    responses((status = 204, description = "The entry is deleted."), (status = 404, description = "not_found"))
)]
async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    let id = request.path_entry_id()?;
    let key = request.idempotency_key(state, "journal-delete")?;
    let if_match = request.if_match()?;

    state.store.journal().delete(&token, id, if_match, key.as_ref()).await?;

    Ok(Response::no_content())
}
