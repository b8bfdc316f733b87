//! `GET /api/journal/entries/{entry_id}`: one entry of the caller's journal, cached for five minutes or until the journal changes.

use std::process::ExitCode;

use shared::domain::Entry;
use shared::http::{Request, Response};
use shared::{AppState, Result};

fn main() -> ExitCode {
    shared::run(handle)
}

/// Returns an entry.
///
/// The entry is one of the caller's. `If-Match` of a change takes its `ETag`.
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
