//! `POST /api/journal/entries`: writes an entry into the caller's journal.
//!
//! Drops what is cached of the journal before it answers, so that the next list shows the entry.

use std::process::ExitCode;

use shared::domain::{Entry, NewEntry};
use shared::http::{Request, Response};
use shared::{AppState, Result};

fn main() -> ExitCode {
    shared::run(handle)
}

/// Creates an entry.
///
/// The next list shows the entry.
#[utoipa::path(
    post,
    path = "/api/journal/entries",
    operation_id = "journal-create",
    tag = "journal",
    security(("bearerAuth" = [])),
    params(("Idempotency-Key", Header)),
    request_body(content = NewEntry, description = "The entry; only `content` is required."),
    responses(
        (
            status = 201,
            description = "The entry.",
            body = Entry,
            links(
                ("read" = (
                    operation_id = "journal-get",
                    parameters(("entry_id" = "$response.body#/id")),
                    description = "The new entry."
                )),
                ("change" = (
                    operation_id = "journal-update",
                    parameters(("entry_id" = "$response.body#/id")),
                    description = "The new entry."
                )),
                ("delete" = (
                    operation_id = "journal-delete",
                    parameters(("entry_id" = "$response.body#/id")),
                    description = "The new entry."
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
