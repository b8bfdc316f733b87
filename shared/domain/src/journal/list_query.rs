//! The query of a list of entries.

use cache::Key;
use secret::SecretKey;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::filter::Filter;
use super::{EntryFields, key};
use crate::cursor::Cursor;
use crate::validation::{CallerId, FieldReader, FromFields, OrDefault, integer_field};
use crate::{UserId, request};

/// The part of the journal to list, and the fields to return.
#[derive(Debug, Clone, PartialEq)]
pub struct ListQuery {
    pub(super) pagination: Pagination,
    pub(super) filter: Filter,
    pub(super) fields: EntryFields,
    /// The id of the user who is signed in, which older clients send.
    pub user_id: Option<UserId>,
}

/// The page of the entries that match the filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pagination {
    /// A numbered page: the best match first with a search, or else newest first.
    Page { page: i64, page_size: i64 },
    /// The entries after a position, newest first.
    After { cursor: Cursor, limit: i64 },
}

request! {
    /// The parameters that choose a page, by its number or by a cursor.
    #[derive(Debug)]
    struct PageQuery {
        /// The number of the page, from 1 to 10,000. It cannot be combined with `cursor` or
        /// `limit`.
        page: OrDefault<PageNumber>,
        /// The maximum number of entries on a page, from 1 to 100. It cannot be combined with
        /// `cursor` or `limit`.
        page_size: OrDefault<PageSize>,
        /// The `next_cursor` of the previous response, or an RFC 3339 time. The list begins with
        /// the newest entry before it.
        cursor: Option<Cursor>,
        /// The maximum number of entries in a list by cursor, from 1 to 100.
        limit: OrDefault<PageSize>,
    }
}

integer_field!(
    /// The number of a page.
    PageNumber: i64, 1..=10_000, default 1
);

integer_field!(
    /// The maximum number of entries on a page.
    PageSize: i64, 1..=100, default 20
);

request! {
    /// The parameters that choose the fields of the entries, and name the caller.
    #[derive(Debug)]
    struct Selection {
        /// The fields of each entry to return, separated by commas. By default, all are returned.
        fields: OrDefault<EntryFields>,
        /// The id of the user who is signed in, which older clients send. Any other id is rejected
        /// with 403.
        user_id: Option<CallerId>,
    }
}

impl Pagination {
    fn parse(query: &mut FieldReader) -> Option<Self> {
        let PageQuery { page, page_size, cursor, limit } = PageQuery::from_fields(query)?;
        if !query.has("cursor") && !query.has("limit") {
            return Some(Self::Page { page, page_size });
        }
        for field in ["page", "page_size"] {
            if query.has(field) {
                query.reject(field, "must not be combined with cursor or limit");
            }
        }
        Some(Self::After { cursor: cursor.unwrap_or(Cursor::START), limit })
    }
}

impl FromFields for ListQuery {
    fn from_fields(query: &mut FieldReader) -> Option<Self> {
        let pagination = Pagination::parse(query);
        let filter = Filter::parse(query);
        let Selection { fields, user_id } = Selection::from_fields(query)?;
        Some(Self { pagination: pagination?, filter: filter?, fields, user_id })
    }
}

impl IntoParams for ListQuery {
    fn into_params(place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        [PageQuery::into_params(&place), Filter::into_params(&place), Selection::into_params(&place)].concat()
    }
}

impl ListQuery {
    /// Returns the cache key of the list. A numbered page without a filter has the documented name.
    /// Any other query may contain text of the user, so the name is a pseudonym.
    pub(super) fn key(&self, hmac_key: &SecretKey, user: UserId) -> Key {
        match &self.pagination {
            Pagination::Page { page, page_size } if self.filter.is_none() => {
                let fields = self.fields;
                let suffix = if fields.is_all() { String::new() } else { format!(":fields:{fields}") };
                key(user, format_args!("page:{page}:size:{page_size}{suffix}"))
            }
            _ => {
                let query = format!("{:?}", (&self.pagination, &self.filter, &self.fields));
                let digest = hmac_key.hmac(&[b"listing", query.as_bytes()]);
                key(user, format_args!("query:{}", const_hex::encode(digest)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::error::{Error, Result};

    fn listing(query: &[(&str, &str)]) -> Result<ListQuery> {
        FieldReader::from_query(query.iter().copied()).parse()
    }

    fn name(query: &[(&str, &str)]) -> String {
        listing(query).unwrap().key(&hmac_key(), UserId(Uuid::nil())).record().to_owned()
    }

    fn hmac_key() -> SecretKey {
        SecretKey::new([7; 32])
    }

    #[test]
    fn the_keys_of_pages_are_named_as_documented() {
        let user = UserId(Uuid::nil());
        let key = listing(&[("page", "2"), ("page_size", "50")]).unwrap().key(&hmac_key(), user);
        assert_eq!(key.record(), format!("journal:list:{user}:page:2:size:50"));
        assert_eq!(key.guard(), format!("journal:list:{user}:guard"));
        assert_eq!(key.ttl(), Duration::from_secs(300));
    }

    #[test]
    fn a_selection_of_fields_has_its_own_key_regardless_of_their_order() {
        let one = name(&[("fields", "title,id")]);
        assert_eq!(one, format!("journal:list:{}:page:1:size:20:fields:id,title", Uuid::nil()));
        assert_eq!(one, name(&[("fields", "id,title,id")]));
    }

    #[test]
    fn any_other_query_has_its_own_key_which_reveals_nothing() {
        let queries: [&[(&str, &str)]; 9] = [
            &[("limit", "20")],
            &[("limit", "21")],
            &[("cursor", "2025-10-20T12:00:00Z")],
            &[("cursor", "2025-10-20T12:00:00.000001Z")],
            &[("tags", "walk")],
            &[("tags", "walk,sleep")],
            &[("search", "walk")],
            &[("search", "walk"), ("page", "2")],
            &[("mood_min", "3")],
        ];
        let names: std::collections::BTreeSet<String> = queries.iter().map(|query| name(query)).collect();
        assert_eq!(names.len(), queries.len());
        assert!(names.iter().all(|name| !name.contains("walk") && name.contains(":query:")), "{names:?}");
    }

    #[test]
    fn a_parameter_that_breaks_a_rule_is_named() {
        for wrong in [
            ("page", "0"),
            ("page", "10001"),
            ("page_size", "101"),
            ("page_size", "x"),
            ("limit", "0"),
            ("limit", "101"),
            ("cursor", ""),
            ("cursor", "yesterday"),
            ("cursor", "2025-10-20"),
            ("cursor", "2025-10-20T12:00:00Z_7"),
            ("cursor", "-000001-10-20T12:00:00Z"),
            ("tags", ""),
            ("tags", "a,,b"),
            ("mood_min", "0"),
            ("mood_max", "11"),
            ("mood_max", "NaN"),
            ("start_date", "2025-13-01"),
            ("end_date", "9999-12-31"),
            ("search", ""),
            ("fields", "password"),
            ("user_id", "7"),
        ] {
            let Err(Error::Invalid(errors)) = listing(&[wrong]) else { panic!("{wrong:?} was accepted") };
            assert_eq!(errors[0].field, wrong.0);
        }
        for (pair, field) in [
            ([("mood_min", "5"), ("mood_max", "4")], "mood_max"),
            ([("start_date", "2025-10-21"), ("end_date", "2025-10-20")], "end_date"),
            ([("cursor", "2025-10-20T12:00:00Z"), ("page", "1")], "page"),
            ([("limit", "5"), ("page_size", "5")], "page_size"),
        ] {
            let Err(Error::Invalid(errors)) = listing(&pair) else { panic!("{pair:?} was accepted") };
            assert_eq!(errors[0].field, field);
        }
        assert_eq!(listing(&[]).unwrap().pagination, Pagination::Page { page: 1, page_size: 20 });
    }
}
