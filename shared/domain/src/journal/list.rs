//! Lists of entries.

use std::cmp::Reverse;

use db::Param;
use encoded_body::EncodedBody;
use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use utoipa::ToSchema;

use super::columns;
use super::entry::{Entry, Selected};
use super::filter::conditions;
use super::list_query::{ListQuery, Pagination};
use crate::Token;
use crate::authenticated::{self, Read, authenticated_read};
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::store::Store;

/// The user is named by the parameter and not by the session's column: only a value that the planner can see keeps it from reading and
/// sorting the whole journal of somebody who writes much. One row of the session even for an empty page; with entries, the session's
/// columns come with each. `total` is kept by a trigger, so it costs nothing, and it is of the same snapshot as the entries.
pub(crate) const PAGE: Read = authenticated_read!(
    "journal.page",
    "SELECT session.*, journal_entry_count AS total, e.* FROM session LEFT JOIN LATERAL (
        SELECT ",
    columns!(),
    "
        FROM journal_entries WHERE user_id = $2
        ORDER BY created_at DESC, id DESC LIMIT $3 OFFSET $4
    ) e ON true"
);

/// A filter must look at every entry that could meet it, so here the total is counted. Without a search the rank is a constant, by which
/// Postgres need not sort.
pub(crate) const FILTERED_PAGE: Read = authenticated_read!(
    "journal.filtered",
    "SELECT session.*, matches.total, e.* FROM session
    CROSS JOIN LATERAL (SELECT count(*) AS total FROM journal_entries WHERE ",
    conditions!(),
    ") matches
    LEFT JOIN LATERAL (
        SELECT ",
    columns!(),
    ",
            CASE WHEN $8 IS NULL THEN 0 ELSE ts_rank_cd(search, websearch_to_tsquery('english', $8)) END AS rank
        FROM journal_entries WHERE ",
    conditions!(),
    "
        ORDER BY rank DESC, created_at DESC, id DESC LIMIT $9 OFFSET $10
    ) e ON true"
);

pub(crate) const AFTER: Read = authenticated_read!(
    "journal.after",
    "SELECT session.*, e.* FROM session LEFT JOIN LATERAL (
        SELECT ",
    columns!(),
    "
        FROM journal_entries WHERE (created_at, id) < ($10, $11) AND ",
    conditions!(),
    "
        ORDER BY created_at DESC, id DESC LIMIT $9
    ) e ON true"
);

/// A part of the caller's journal.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is not alive, [`Error::Unavailable`] when the database is needed and away.
pub async fn list_entries(store: &Store, token: &Token, listing: &ListQuery) -> Result<EncodedBody> {
    let key = listing.key(&store.hmac_key, token.user_id());
    let filter = listing.filter.params();
    match &listing.range {
        Pagination::Page { page, page_size } => {
            let offset = (page - 1) * page_size;
            let bounds: [Param<'_>; 2] = [(page_size, Type::INT8), (&offset, Type::INT8)];
            let build = |rows: &[Row]| OffsetPage::from_rows(listing, *page, *page_size, rows).map_err(Error::internal);
            if listing.filter.is_none() {
                return authenticated::read(store, token, &key, PAGE, &bounds, build).await;
            }
            let params = [filter.as_slice(), &bounds].concat();
            authenticated::read(store, token, &key, FILTERED_PAGE, &params, build).await
        }
        Pagination::After { position, limit } => {
            // One more tells whether there are more.
            let limit_and_one = limit + 1;
            let bounds: [Param<'_>; 3] =
                [(&limit_and_one, Type::INT8), (&position.created_at, Type::TIMESTAMPTZ), (&position.id, Type::UUID)];
            let params = [filter.as_slice(), &bounds].concat();
            let build = |rows: &[Row]| CursorPage::from_rows(listing, *limit, rows).map_err(Error::internal);
            authenticated::read(store, token, &key, AFTER, &params, build).await
        }
    }
}

/// A page by its number.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EntryPage)]
pub struct OffsetPage {
    /// Newest first; of a search the best match first.
    #[schema(max_items = 100)]
    entries: Vec<Selected>,
    /// How many there are on all pages.
    #[schema(minimum = 0)]
    total: i64,
    /// Which page this is, from 1.
    #[schema(minimum = 1, maximum = 10_000)]
    page: i64,
    /// How many entries a page has.
    #[schema(minimum = 1, maximum = 100)]
    page_size: i64,
    /// Whether there is a page after this one.
    has_more: bool,
}

impl OffsetPage {
    fn new(page: i64, page_size: i64, entries: Vec<Selected>, total: i64) -> Self {
        Self { entries, total, page, page_size, has_more: page * page_size < total }
    }

    fn from_rows(listing: &ListQuery, page: i64, page_size: i64, rows: &[Row]) -> Result<Self, tokio_postgres::Error> {
        let total = rows.first().map_or(Ok(0), |row| row.try_get("total"))?;
        Ok(Self::new(page, page_size, selected(listing, entries(rows)?), total))
    }
}

/// What comes after a cursor.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EntryStretch)]
pub struct CursorPage {
    /// Newest first.
    #[schema(max_items = 100)]
    entries: Vec<Selected>,
    /// The `cursor` of what comes next, or null when this is the end.
    #[schema(required)]
    next_cursor: Option<String>,
    /// Whether anything comes next.
    has_more: bool,
}

impl CursorPage {
    fn new(entries: Vec<Selected>, next: Option<Cursor>) -> Self {
        Self { entries, next_cursor: next.map(|position| position.to_string()), has_more: next.is_some() }
    }

    fn from_rows(listing: &ListQuery, limit: i64, rows: &[Row]) -> Result<Self, tokio_postgres::Error> {
        let mut entries = entries(rows)?;
        let next = Cursor::after(&mut entries, usize::try_from(limit).unwrap_or(0));
        Ok(Self::new(selected(listing, entries), next))
    }
}

fn selected(listing: &ListQuery, entries: Vec<Entry>) -> Vec<Selected> {
    entries.into_iter().map(|entry| Selected { entry, fields: listing.fields }).collect()
}

/// The entries of a join, in the order of the statement: it keeps the order of its inner side, but SQL does not promise it. On sorted rows
/// this is one pass.
fn entries(rows: &[Row]) -> Result<Vec<Entry>, tokio_postgres::Error> {
    let has_ranks = rows.first().is_some_and(|row| row.columns().iter().any(|column| column.name() == "rank"));
    let mut ranked: Vec<(f32, Entry)> = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(entry) = Entry::from_joined(row)? {
            ranked.push((if has_ranks { row.try_get("rank")? } else { 0.0 }, entry));
        }
    }
    ranked.sort_by(|(left_rank, left), (right_rank, right)| {
        let newest_first = Reverse((left.created_at, left.id)).cmp(&Reverse((right.created_at, right.id)));
        right_rank.total_cmp(left_rank).then(newest_first)
    });
    Ok(ranked.into_iter().map(|(_, entry)| entry).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_serialises_as_the_original_did() {
        let json = serde_json::to_value(OffsetPage::new(1, 20, Vec::new(), 21)).unwrap();
        assert_eq!(json, json!({"entries": [], "total": 21, "page": 1, "page_size": 20, "has_more": true}));
    }

    #[test]
    fn the_last_stretch_has_no_cursor() {
        let json = serde_json::to_value(CursorPage::new(Vec::new(), None)).unwrap();
        assert_eq!(json, json!({"entries": [], "next_cursor": null, "has_more": false}));
    }
}
