//! Which entries of a journal are asked for.

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
    /// Conditions that an entry must meet, all of them.
    #[derive(Debug, Clone, Default, PartialEq)]
    pub(super) struct Filter {
        /// Tags, all of which an entry must have.
        tags: Option<TagFilter>,
        /// The lowest mood.
        mood_min: Option<MoodLimit>,
        /// The highest mood; not below `mood_min`.
        mood_max: Option<MoodLimit>,
        /// A day in UTC or a time, included.
        #[rename = "start_date"]
        from: Option<StartDate>,
        /// A day in UTC or a time, included; not before `start_date`.
        #[rename = "end_date"]
        until: Option<EndDate>,
        /// Words of title, text or tags, with English stemming; `"a phrase"`, `or`, `-without`. On
        /// numbered pages the best match first.
        search: Option<Search>,
    }
}

impl Filter {
    /// Parses the filter, and rejects limits that no entry can meet.
    pub(super) fn parse(query: &mut FieldReader) -> Option<Self> {
        let filter = Self::from_fields(query)?;
        if filter.mood_min.zip(filter.mood_max).is_some_and(|(min, max)| min > max) {
            query.reject("mood_max", "must not be below mood_min");
        }
        if filter.from.zip(filter.until).is_some_and(|(from, until)| from >= until) {
            query.reject("end_date", "must not be before start_date");
        }
        Some(filter)
    }

    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The conditions as parameters of a statement.
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

/// A day or a time that a span begins with. It is parsed into the first moment that matches.
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

/// A day or a time that a span ends with. It is parsed into the first moment that no longer matches.
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

/// Which end of a day is meant by its date.
#[derive(Clone, Copy)]
enum Day {
    Begins,
    Ends,
}

/// The moment at which a span that is given by an RFC 3339 time or by a date begins, or is over.
fn moment(value: &Value, day: Day) -> Parsed<Timestamp> {
    let rule = "must be a date or an RFC 3339 time";
    let text = value.as_str().ok_or(rule)?;
    let included = match text.parse::<Date>() {
        Ok(date) if text.len() == "2025-10-20".len() => {
            let date = if matches!(day, Day::Ends) { date.tomorrow().map_err(|_| rule)? } else { date };
            return time(&format!("{date}T00:00:00Z")).ok_or(rule);
        }
        _ => time(text).ok_or(rule)?,
    };
    // The database counts in microseconds.
    let step = if matches!(day, Day::Ends) { SignedDuration::from_micros(1) } else { SignedDuration::ZERO };
    included.checked_add(step).map_err(|_| rule)
}
