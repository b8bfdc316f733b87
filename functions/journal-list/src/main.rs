//! `GET /api/journal/entries`: lists entries of the caller's journal, by page number or by cursor.
//!
//! The list is cached for five minutes or until the journal changes.

use std::process::ExitCode;

use serde::Serialize;
use shared::domain::{CursorPage, ListQuery, OffsetPage};
use shared::http::{Request, Response};
use shared::{AppState, Result};
use utoipa::ToSchema;

fn main() -> ExitCode {
    shared::run(handle)
}

/// Lists entries of the caller's journal.
///
/// Returns a part of the journal in one of two ways, which cannot be combined. A numbered page is
/// selected by `page` and `page_size`, and has the total number of entries. A list by cursor is
/// selected by `limit` and, from the second request on, `cursor`. It neither skips nor repeats an
/// entry while entries are created and deleted.
///
/// An entry is listed only if it matches all filters. Only `tags` may be repeated. Any other
/// repeated parameter is rejected.
#[utoipa::path(
    get,
    path = "/api/journal/entries",
    operation_id = "journal-list",
    tag = "journal",
    security(("bearerAuth" = [])),
    params(("If-None-Match", Header), ListQuery),
    responses(
        (status = 200, description = "A numbered page, or the entries after the cursor.", body = inline(EntryList)),
        (status = 403, description = "forbidden"),
    )
)]
async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    let query: ListQuery = request.query().parse()?;
    token.must_belong_to(query.user_id)?;

    let page = state.store.journal().list(&token, &query).await?;

    Ok(Response::cacheable(page))
}

/// A list of entries, by page number or by cursor.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only the schema is used: the handler returns serialized lists")]
enum EntryList {
    /// The response to `page` and `page_size`.
    Page(OffsetPage),
    /// The response to `cursor` and `limit`.
    Cursor(CursorPage),
}
