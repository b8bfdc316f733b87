//! `PUT` and `PATCH /api/journal/entries/{entry_id}`: changes one of the caller's entries. Absent
//! fields keep their values.
//!
//! Invalidates the cached journal before it responds.

use std::process::ExitCode;

use shared::domain::{Entry, EntryPatch};
use shared::http::{Request, Response};
use shared::{AppState, Result};

fn main() -> ExitCode {
    shared::run(handle)
}

/// Changes a journal entry.
///
/// Absent fields keep their values, with `PUT` as with `PATCH`. With `If-Match`, the entry is
/// changed only if its current version has that `ETag`.
#[utoipa::path(
    method(patch, put),
    path = "/api/journal/entries/{entry_id}",
    operation_id = "journal-update",
    tag = "journal",
    security(("bearerAuth" = [])),
    params(("entry_id", Path), ("If-Match", Header), ("Idempotency-Key", Header)),
    request_body(content = EntryPatch, description = "The fields to change."),
    responses(
        (status = 200, description = "The changed entry.", body = Entry),
        (status = 403, description = "forbidden"),
        (status = 404, description = "not_found"),
    )
)]
async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    let id = request.path_entry_id()?;
    let patch: EntryPatch = request.json()?.parse()?;
    token.must_belong_to(patch.user_id)?;
    let key = request.idempotency_key(state, "journal-update")?;
    let if_match = request.if_match()?;

    let entry = state.store.journal().update(&token, id, &patch, if_match, key.as_ref()).await?;

    Response::ok(&entry)
}
