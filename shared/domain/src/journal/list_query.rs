//! Which part of a journal is asked for.

use cache::Key;
use secret::SecretKey;

use super::filter::Filter;
use super::{EntryFields, key};
use crate::UserId;
use crate::cursor::Cursor;
use crate::error::Result;
use crate::validation::{self, FieldReader};

/// Which part of the journal is asked for, and which fields of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ListQuery {
    pub(super) pagination: Pagination,
    pub(super) filter: Filter,
    pub(super) fields: EntryFields,
}

/// Which of the entries that suit the filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pagination {
    /// By number: a search by rank, all else newest first.
    Page { page: i64, page_size: i64 },
    /// What comes after a position, newest first.
    After { cursor: Cursor, limit: i64 },
}

impl ListQuery {
    /// Reads `page` (from 1, at most 10,000) and `page_size` (1 to 100, by default 20), or `cursor` and `limit` (1 to 100, by default 20);
    /// the filters; and `fields` (names separated by commas).
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) with every parameter that breaks its rule.
    pub fn read(mut query: FieldReader) -> Result<(Self, Option<UserId>)> {
        let size = validation::integer(1..=100, "must be a whole number from 1 to 100");
        let page = query.optional("page", validation::integer(1..=10_000, "must be a whole number from 1 to 10000"));
        let page_size = query.optional("page_size", &size);
        let cursor = query.optional("cursor", Cursor::parse);
        let limit = query.optional("limit", &size);
        let by_cursor = query.has("cursor") || query.has("limit");
        for field in ["page", "page_size"] {
            if by_cursor && query.has(field) {
                query.reject(field, "must not stand beside cursor or limit");
            }
        }
        let pagination = if by_cursor {
            Pagination::After { cursor: cursor.unwrap_or(Cursor::START), limit: limit.unwrap_or(20) }
        } else {
            Pagination::Page { page: page.unwrap_or(1), page_size: page_size.unwrap_or(20) }
        };
        let filter = Filter::read(&mut query);
        let fields = query.optional("fields", EntryFields::parse).unwrap_or_default();
        let user = query.optional("user_id", validation::uuid).map(UserId);
        query.finish(Some((Self { pagination, filter, fields }, user)))
    }

    /// The key of the answer. A page of everything has the documented name; what else was asked for may hold what a person wrote, so that
    /// its name is a pseudonym.
    pub(super) fn key(&self, hmac_key: &SecretKey, user: UserId) -> Key {
        match &self.pagination {
            Pagination::Page { page, page_size } if self.filter.is_none() => {
                let fields = self.fields;
                let suffix = if fields.is_all() { String::new() } else { format!(":fields:{fields}") };
                key(user, format_args!("page:{page}:size:{page_size}{suffix}"))
            }
            _ => {
                let digest = hmac_key.hmac(&[b"listing", format!("{self:?}").as_bytes()]);
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
    use crate::error::Error;

    fn listing(query: &[(&str, &str)]) -> Result<ListQuery> {
        ListQuery::read(FieldReader::from_query(query.iter().copied())).map(|(listing, _)| listing)
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
    fn a_selection_of_fields_has_a_key_of_its_own_whatever_its_order() {
        let one = name(&[("fields", "title,id")]);
        assert_eq!(one, format!("journal:list:{}:page:1:size:20:fields:id,title", Uuid::nil()));
        assert_eq!(one, name(&[("fields", "id,title,id")]));
    }

    #[test]
    fn whatever_else_is_asked_for_has_a_key_of_its_own_that_tells_nothing() {
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
    fn what_breaks_a_rule_is_named() {
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
