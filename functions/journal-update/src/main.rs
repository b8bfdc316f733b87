//! `PUT` and `PATCH /api/journal/entries/{entry_id}`: changes an entry of the caller's; fields that are absent stay as they are.
//!
//! Drops what is cached of the journal before it answers.

use std::process::ExitCode;

use shared::domain::{Entry, EntryPatch};
use shared::http::{Request, Response};
use shared::{AppState, Result};

fn main() -> ExitCode {
    shared::run(handle)
}

/// Changes an entry.
///
/// Absent fields keep their values, with `PUT` as with `PATCH`. With `If-Match`, only the version of
/// that `ETag` is changed.
#[utoipa::path(
    method(patch, put),
    path = "/api/journal/entries/{entry_id}",
    operation_id = "journal-update",
    tag = "journal",
    security(("bearerAuth" = [])),
    params(("entry_id", Path), ("If-Match", Header), ("Idempotency-Key", Header)),
    request_body(content = EntryPatch, description = "The change."),
    responses(
        (status = 200, description = "The entry as it is now.", body = Entry),
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
