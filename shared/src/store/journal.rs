//! The journal.

mod entry;

use std::cmp::Reverse;
use std::time::Duration;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use tokio_postgres::Row;
use tokio_postgres::types::{Json, Type};
use uuid::Uuid;

use self::entry::Selected;
pub use self::entry::{Draft, Entry, EntryFields};
use super::authenticated::{self, Read, authenticated, authenticated_read};
use super::idempotency::{self, IdempotencyKey};
use super::{Token, UserId};
use crate::cache::{Family, Key, WriteGuard};
use crate::db::{Param, Statement};
use crate::document::Document;
use crate::error::{Error, Result};
use crate::fields::{self, Fields};
use crate::state::State;

const LISTS: Family = Family { prefix: "journal:list", ttl: Duration::from_secs(300) };

/// Which part of the journal is asked for, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    page: i64,
    page_size: i64,
    fields: EntryFields,
}

impl Listing {
    /// Reads `page` (from 1, at most 10,000), `page_size` (1 to 100, by default 20) and `fields` (names separated by commas).
    ///
    /// # Errors
    /// [`Error::Invalid`] with every parameter that breaks its rule.
    pub fn read(mut query: Fields) -> Result<(Self, Option<UserId>)> {
        let page = query.optional("page", fields::integer(1..=10_000, "must be a whole number from 1 to 10000"));
        let page_size = query.optional("page_size", fields::integer(1..=100, "must be a whole number from 1 to 100"));
        let fields = query.optional("fields", EntryFields::parse);
        let user = query.optional("user_id", fields::uuid).map(UserId);
        let listing =
            Self { page: page.unwrap_or(1), page_size: page_size.unwrap_or(20), fields: fields.unwrap_or_default() };
        query.finish(Some((listing, user)))
    }

    fn key(&self, user_id: UserId) -> Key {
        let Self { page, page_size, fields } = self;
        let mut name = format!("journal:list:{user_id}:page:{page}:size:{page_size}");
        if !fields.is_all() {
            name.push_str(&format!(":fields:{fields}"));
        }
        LISTS.key(user_id.0, name)
    }
}

/// One page, as the client sees it.
struct Page<'a> {
    listing: &'a Listing,
    entries: Vec<Entry>,
    total: i64,
}

impl<'a> Page<'a> {
    fn from_rows(listing: &'a Listing, rows: &[Row]) -> Result<Self, tokio_postgres::Error> {
        let total = rows.first().map_or(Ok(0), |row| row.try_get("journal_entry_count"))?;
        let mut entries: Vec<Entry> =
            rows.iter().filter_map(|row| Entry::from_joined(row).transpose()).collect::<Result<_, _>>()?;
        // The join keeps the order of its inner side, but SQL does not promise it. On sorted rows this is one pass.
        entries.sort_by_key(|entry| Reverse((entry.created_at, entry.id)));
        Ok(Self { listing, entries, total })
    }
}

impl Serialize for Page<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Listing { page, page_size, fields } = self.listing;
        let entries: Vec<_> = self.entries.iter().map(|entry| Selected { entry, fields: *fields }).collect();
        let mut object = serializer.serialize_struct("Page", 5)?;
        object.serialize_field("entries", &entries)?;
        object.serialize_field("total", &self.total)?;
        object.serialize_field("page", page)?;
        object.serialize_field("page_size", page_size)?;
        object.serialize_field("has_more", &(page * page_size < self.total))?;
        object.end()
    }
}

/// The user is named by the parameter and not by the session's column: only a value that the planner can see keeps it from reading and
/// sorting the whole journal of somebody who writes much. One row of the session even for an empty page; with entries, the session's columns come with each. `total` is kept by a trigger, so it costs
/// nothing, and it is of the same snapshot as the entries.
const PAGE: Read = authenticated_read!(
    "journal.page",
    "SELECT session.*, e.* FROM session LEFT JOIN LATERAL (
        SELECT id, title, content, mood, mood_emoji, tags, images, ai_insights, created_at, updated_at
        FROM journal_entries WHERE user_id = $2
        ORDER BY created_at DESC, id DESC LIMIT $3 OFFSET $4
    ) e ON true"
);

/// A page of the caller's journal.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is not alive, [`Error::Unavailable`] when the database is needed and away.
pub async fn list_entries(state: &State, token: &Token, listing: &Listing) -> Result<Document> {
    let offset = (listing.page - 1) * listing.page_size;
    let params: [Param<'_>; 2] = [(&listing.page_size, Type::INT8), (&offset, Type::INT8)];
    let key = listing.key(token.user_id());
    authenticated::read(state, token, &key, PAGE, &params, |rows| Page::from_rows(listing, rows)).await
}

const CREATE: Statement = Statement {
    name: "journal.create",
    sql: authenticated!(
        write
        "entry AS (
            INSERT INTO journal_entries (id, user_id, title, content, mood, mood_emoji, tags, images)
            SELECT $4, user_id, $5, $6, $7, $8, $9, $10 FROM session
            RETURNING *
        ), kept AS (
            INSERT INTO idempotency_keys (scope, endpoint, key_hash, user_id, request_hash, response, expires_at)
            SELECT user_id, $11, $12, user_id, $13, to_jsonb(entry), now() + interval '24 hours' FROM entry WHERE $12 IS NOT NULL
        )
        SELECT to_jsonb(entry) FROM entry"
    ),
};

/// Announces a change to the user's journal.
///
/// # Errors
/// [`Error::Unavailable`] when the database is known to be away.
pub async fn begin_journal_write(state: &State, user: UserId) -> Result<WriteGuard> {
    authenticated::begin(state, vec![LISTS.guard(user.0)]).await
}

/// Writes an entry. With an `Idempotency-Key`, a repetition writes nothing and gets the first result.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is not alive, [`Error::IdempotencyKeyReused`], or [`Error::Unavailable`] when the
/// database is away.
pub async fn create_entry(
    state: &State,
    guard: WriteGuard,
    token: &Token,
    draft: &Draft,
    key: Option<&IdempotencyKey>,
) -> Result<Entry> {
    let (id, kept, scope) = (Uuid::now_v7(), idempotency::columns(key), token.user_id().0);
    let params: [Param<'_>; 10] = [
        (&id, Type::UUID),
        (&draft.title, Type::TEXT),
        (&draft.content, Type::TEXT),
        (&draft.mood, Type::FLOAT8),
        (&draft.mood_emoji, Type::TEXT),
        (&draft.tags, Type::TEXT_ARRAY),
        (&draft.images, Type::TEXT_ARRAY),
        (&kept.endpoint, Type::TEXT),
        (&kept.key_hash, Type::BYTEA),
        (&kept.request_hash, Type::BYTEA),
    ];
    match authenticated::write(state, guard, token, CREATE, &params).await {
        Ok(written) => {
            let row = written.rows.first().ok_or_else(authenticated::session_over)?;
            row.try_get::<_, Json<Entry>>(0).map(|json| json.0).map_err(Error::internal)
        }
        Err(error) if error.violates(idempotency::CONSTRAINT) => {
            idempotency::replay(state, scope, key).await?.ok_or_else(idempotency::expired)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(query: &[(&str, &str)]) -> Result<Listing> {
        Listing::read(Fields::from_query(query.iter().copied())).map(|(listing, _)| listing)
    }

    #[test]
    fn the_keys_are_named_as_documented() {
        let user = UserId(Uuid::nil());
        let key = listing(&[("page", "2"), ("page_size", "50")]).unwrap().key(user);
        assert_eq!(key.record(), format!("journal:list:{user}:page:2:size:50"));
        assert_eq!(key.guard(), format!("journal:list:{user}:guard"));
        assert_eq!(key.ttl(), Duration::from_secs(300));
    }

    #[test]
    fn a_selection_of_fields_has_a_key_of_its_own_whatever_its_order() {
        let user = UserId(Uuid::nil());
        let one = listing(&[("fields", "title,id")]).unwrap().key(user);
        assert_eq!(one.record(), format!("journal:list:{user}:page:1:size:20:fields:id,title"));
        assert_eq!(one, listing(&[("fields", "id,title,id")]).unwrap().key(user));
    }

    #[test]
    fn a_page_out_of_range_is_named() {
        for wrong in [
            ("page", "0"),
            ("page", "10001"),
            ("page_size", "101"),
            ("page_size", "x"),
            ("fields", "password"),
            ("user_id", "7"),
        ] {
            let Err(Error::Invalid(errors)) = listing(&[wrong]) else { panic!("{wrong:?} was accepted") };
            assert_eq!(errors[0].field, wrong.0);
        }
        assert!(matches!(listing(&[]), Ok(Listing { page: 1, page_size: 20, .. })));
    }

    #[test]
    fn a_page_serialises_as_the_original_did() {
        let listing = listing(&[]).unwrap();
        let page = Page { listing: &listing, entries: Vec::new(), total: 21 };
        let json = serde_json::to_value(&page).unwrap();
        assert_eq!(json, serde_json::json!({"entries": [], "total": 21, "page": 1, "page_size": 20, "has_more": true}));
    }
}
