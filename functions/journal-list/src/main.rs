//! `GET /api/journal/entries`: a page of the caller's journal, or what comes after a cursor, cached for five minutes or until the journal
//! changes.

use std::process::ExitCode;

use serde::Serialize;
use shared::domain::{CursorPage, ListQuery, OffsetPage};
use shared::http::{Request, Response};
use shared::{AppState, Result};
use utoipa::ToSchema;

fn main() -> ExitCode {
    shared::run(handle)
}

/// Lists entries.
///
/// Returns a part of the caller's journal: a numbered page (`page`, `page_size`), or the entries after
/// a cursor (`limit`, and from the second request on `cursor`). The two cannot be combined. With a
/// cursor no entry is lost or repeated while entries are created and deleted. A repeated parameter is
/// rejected, except for `tags`. An entry must match all filters.
#[utoipa::path(
    get,
    path = "/api/journal/entries",
    operation_id = "journal-list",
    tag = "journal",
    security(("bearerAuth" = [])),
    params(("If-None-Match", Header), ListQuery),
    responses(
        (status = 200, description = "A page, or the entries after the cursor.", body = inline(EntryList)),
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

/// The two kinds of lists.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it is a schema: the cache already has the serialized list")]
enum EntryList {
    /// The response to `page` and `page_size`.
    Page(OffsetPage),
    /// The response to `cursor` and `limit`.
    Cursor(CursorPage),
}
