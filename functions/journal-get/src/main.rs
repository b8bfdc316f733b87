//! `GET /api/journal/entries/{entry_id}`: returns one of the caller's entries, which is cached for
//! five minutes or until the journal changes.

use std::process::ExitCode;

use shared::domain::Entry;
use shared::http::{Request, Response};
use shared::{AppState, Result};

fn main() -> ExitCode {
    shared::run(handle)
}

/// Returns a journal entry.
///
/// Returns one of the caller's entries. To change or delete exactly this version, send its `ETag`
/// as `If-Match`.
#[utoipa::path(
    get,
    path = "/api/journal/entries/{entry_id}",
    operation_id = "journal-get",
    tag = "journal",
    security(("bearerAuth" = [])),
    params(("entry_id", Path), ("If-None-Match", Header)),
    responses((status = 200, description = "The entry.", body = Entry), (status = 404, description = "not_found"))
)]
async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    let id = request.path_entry_id()?;

    let entry = state.store.journal().entry(&token, id).await?;

    Ok(Response::cacheable(entry))
}
