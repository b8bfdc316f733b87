//! `DELETE /api/journal/entries/{entry_id}`: deletes one of the caller's entries permanently.
//!
//! Invalidates the cached journal before it responds.

use std::process::ExitCode;

use shared::http::{Request, Response};
use shared::{AppState, Result};

fn main() -> ExitCode {
    shared::run(handle)
}

/// Deletes a journal entry.
///
/// Deletes one of the caller's entries permanently. With `If-Match`, the entry is deleted only if
/// its current version has that `ETag`.
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
