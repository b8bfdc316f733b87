//! `POST /api/journal/entries`: creates an entry in the caller's journal.
//!
//! Invalidates the cached journal before it responds, so that the next list has the entry.

use std::process::ExitCode;

use shared::domain::{Entry, NewEntry};
use shared::http::{Request, Response};
use shared::{AppState, Result};

fn main() -> ExitCode {
    shared::run(handle)
}

/// Creates a journal entry.
///
/// Creates an entry in the caller's journal. Lists and insights that are requested after the
/// response include the entry.
#[utoipa::path(
    post,
    path = "/api/journal/entries",
    operation_id = "journal-create",
    tag = "journal",
    security(("bearerAuth" = [])),
    params(("Idempotency-Key", Header)),
    request_body(content = NewEntry, description = "The entry. Only `content` is required."),
    responses(
        (
            status = 201,
            description = "The new entry.",
            body = Entry,
            links(
                ("read" = (
                    operation_id = "journal-get",
                    parameters(("entry_id" = "$response.body#/id")),
                    description = "Returns the new entry."
                )),
                ("change" = (
                    operation_id = "journal-update",
                    parameters(("entry_id" = "$response.body#/id")),
                    description = "Changes the new entry."
                )),
                ("delete" = (
                    operation_id = "journal-delete",
                    parameters(("entry_id" = "$response.body#/id")),
                    description = "Deletes the new entry."
                )),
            )
        ),
        (status = 403, description = "forbidden"),
    )
)]
async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    let draft: NewEntry = request.json()?.parse()?;
    token.must_belong_to(draft.user_id)?;
    let key = request.idempotency_key(state, "journal-create")?;

    let entry = state.store.journal().create(&token, &draft, key.as_ref()).await?;

    Response::created(&entry)
}
