//! The filter of a list of entries.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use utoipa::openapi::schema::{KnownFormat, Schema};

use super::fields::{MoodLimit, TagFilter};
use crate::cursor::time;
use crate::query::sql;
use crate::request;
use crate::validation::{Field, FieldReader, FromFields as _, Parsed, schema, text_field};

request! {
    /// The conditions of a list. An entry must match all of them.
    #[derive(Debug, Clone, Default, PartialEq)]
    pub(super) struct Filter {
        /// Up to 20 tags, separated by commas. An entry must have all of them.
        tags: Option<TagFilter>,
        /// The lowest mood, from 1 to 10. Entries without a mood do not match.
        mood_min: Option<MoodLimit>,
        /// The highest mood, from 1 to 10, and at least `mood_min`. Entries without a mood do not
        /// match.
        mood_max: Option<MoodLimit>,
        /// The start of the period in which an entry was created, inclusive: a day in UTC, such as
        /// `2026-10-01`, or an RFC 3339 time.
        #[rename = "start_date"]
        from: Option<StartDate>,
        /// The end of the period in which an entry was created, inclusive: a day in UTC, such as
        /// `2026-12-31`, or an RFC 3339 time. It must not be before `start_date`.
        #[rename = "end_date"]
        until: Option<EndDate>,
        /// Words in the title, the text or the tags, up to 200 characters. English words match by
        /// their stems. `"a phrase"`, `or` and `-without` are supported. On numbered pages, the
        /// best match comes first.
        search: Option<Search>,
    }
}

impl Filter {
    /// Parses the filter, and rejects limits that no entry can match.
    pub(super) fn parse(query: &mut FieldReader) -> Option<Self> {
        let filter = Self::from_fields(query)?;
        if filter.mood_min.zip(filter.mood_max).is_some_and(|(min, max)| min > max) {
            query.reject("mood_max", "must be at least mood_min");
        }
        if filter.from.zip(filter.until).is_some_and(|(from, until)| from >= until) {
            query.reject("end_date", "must not be before start_date");
        }
        Some(filter)
    }

    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the conditions as parameters of a statement.
    pub(super) fn matches(&self) -> sql::journal::EntryMatches<'_> {
        sql::journal::EntryMatches {
            tags: self.tags.as_deref(),
            mood_min: self.mood_min,
            mood_max: self.mood_max,
            from: self.from,
            until: self.until,
            search: self.search.as_deref(),
        }
    }
}

text_field!(
    /// Words to search for.
    pub(super) Search: 1..=200
);

/// The start of a period, as a day or a time. It is parsed into the first moment that matches.
#[derive(Debug)]
pub(super) enum StartDate {}

impl Field for StartDate {
    type Value = Timestamp;

    fn parse(value: &Value) -> Parsed<Timestamp> {
        moment(value, Day::Begins)
    }

    fn schema() -> Schema {
        schema::either(schema::formatted(KnownFormat::Date), schema::formatted(KnownFormat::DateTime)).into()
    }
}

/// The end of a period, as a day or a time. It is parsed into the first moment that no longer
/// matches.
#[derive(Debug)]
pub(super) enum EndDate {}

impl Field for EndDate {
    type Value = Timestamp;

    fn parse(value: &Value) -> Parsed<Timestamp> {
        moment(value, Day::Ends)
    }

    fn schema() -> Schema {
        StartDate::schema()
    }
}

/// The moment of a day that a date stands for.
#[derive(Clone, Copy)]
enum Day {
    Begins,
    Ends,
}

/// Parses the start or the end of a period, which is a date or an RFC 3339 time.
fn moment(value: &Value, day: Day) -> Parsed<Timestamp> {
    let rule = "must be a date such as 2026-10-01, or an RFC 3339 time such as 2026-10-01T12:00:00Z";
    let text = value.as_str().ok_or(rule)?;
    let included = match text.parse::<Date>() {
        Ok(date) if text.len() == "2025-10-20".len() => {
            let date = if matches!(day, Day::Ends) { date.tomorrow().map_err(|_| rule)? } else { date };
            return time(&format!("{date}T00:00:00Z")).ok_or(rule);
        }
        _ => time(text).ok_or(rule)?,
    };
    // The database stores microseconds, so the next moment is one microsecond later.
    let step = if matches!(day, Day::Ends) { SignedDuration::from_micros(1) } else { SignedDuration::ZERO };
    included.checked_add(step).map_err(|_| rule)
}
