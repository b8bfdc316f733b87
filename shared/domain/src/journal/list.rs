//! Lists of journal entries, by page number or by cursor.

use std::cmp::Reverse;

use encoded_body::EncodedBody;
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;

use super::Journal;
use super::entry::{Entry, Selected};
use super::list_query::{ListQuery, Pagination};
use crate::authenticated::cached_read;
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::query::sql;
use crate::token::Token;

impl Journal<'_> {
    /// Returns a list of the caller's entries, from the cache or by one statement.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the session is not live, [`Error::Unavailable`] if the
    /// database is needed and unavailable.
    pub async fn list(self, token: &Token, query: &ListQuery) -> Result<EncodedBody> {
        let Self { store } = self;
        let key = query.key(&store.hmac_key, token.user_id());
        match query.pagination {
            Pagination::Page { page, page_size } => {
                let (limit, offset) = (page_size, (page - 1) * page_size);
                let build = |rows: &[Row]| OffsetPage::from_rows(query, page, page_size, rows).map_err(Error::internal);
                if query.filter.is_none() {
                    let statement = sql::journal::Page { limit, offset };
                    return cached_read(store, token, &key, &statement, build).await;
                }
                let statement = sql::journal::Filtered { limit, offset, entry_matches: query.filter.matches() };
                cached_read(store, token, &key, &statement, build).await
            }
            Pagination::After { cursor, limit } => {
                let statement = sql::journal::After {
                    before_time: cursor.created_at,
                    before_id: cursor.id,
                    // One more row shows whether there are more entries.
                    limit: limit + 1,
                    entry_matches: query.filter.matches(),
                };
                let build = |rows: &[Row]| CursorPage::from_rows(query, limit, rows).map_err(Error::internal);
                cached_read(store, token, &key, &statement, build).await
            }
        }
    }
}

/// A numbered page of journal entries.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EntryPage)]
pub struct OffsetPage {
    /// The entries of the page: newest first, or with `search` the best match first.
    #[schema(max_items = 100)]
    entries: Vec<Selected>,
    /// The number of entries on all pages.
    #[schema(minimum = 0)]
    total: i64,
    /// The number of this page, from 1.
    #[schema(minimum = 1, maximum = 10_000)]
    page: i64,
    /// The maximum number of entries on a page.
    #[schema(minimum = 1, maximum = 100)]
    page_size: i64,
    /// Whether there is a next page.
    has_more: bool,
}

impl OffsetPage {
    fn new(page: i64, page_size: i64, entries: Vec<Selected>, total: i64) -> Self {
        Self { entries, total, page, page_size, has_more: page * page_size < total }
    }

    fn from_rows(query: &ListQuery, page: i64, page_size: i64, rows: &[Row]) -> Result<Self, tokio_postgres::Error> {
        let total = rows.first().map_or(Ok(0), |row| row.try_get("total"))?;
        Ok(Self::new(page, page_size, selected(query, entries(rows)?), total))
    }
}

/// The journal entries after a cursor.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EntryStretch)]
pub struct CursorPage {
    /// The entries, newest first.
    #[schema(max_items = 100)]
    entries: Vec<Selected>,
    /// The `cursor` for the next older entries, or null if there are none.
    #[schema(required)]
    next_cursor: Option<String>,
    /// Whether there are older entries.
    has_more: bool,
}

impl CursorPage {
    fn new(entries: Vec<Selected>, next: Option<Cursor>) -> Self {
        Self { entries, next_cursor: next.map(|position| position.to_string()), has_more: next.is_some() }
    }

    fn from_rows(query: &ListQuery, limit: i64, rows: &[Row]) -> Result<Self, tokio_postgres::Error> {
        let mut entries = entries(rows)?;
        let next = Cursor::after(&mut entries, usize::try_from(limit).unwrap_or(0));
        Ok(Self::new(selected(query, entries), next))
    }
}

fn selected(query: &ListQuery, entries: Vec<Entry>) -> Vec<Selected> {
    entries.into_iter().map(|entry| Selected { entry, fields: query.fields }).collect()
}

/// Returns the entries of a join in the order of the statement.
///
/// The join preserves the order of its inner side, but SQL does not guarantee that, so this sorts.
/// For rows that are already sorted, that is one pass.
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
    fn a_numbered_page_has_the_same_json_as_in_the_original_service() {
        let json = serde_json::to_value(OffsetPage::new(1, 20, Vec::new(), 21)).unwrap();
        assert_eq!(json, json!({"entries": [], "total": 21, "page": 1, "page_size": 20, "has_more": true}));
    }

    #[test]
    fn the_last_entries_have_no_next_cursor() {
        let json = serde_json::to_value(CursorPage::new(Vec::new(), None)).unwrap();
        assert_eq!(json, json!({"entries": [], "next_cursor": null, "has_more": false}));
    }
}
