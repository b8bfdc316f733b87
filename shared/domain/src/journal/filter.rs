//! Which entries of a journal are asked for.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::cursor::time;
use crate::query::sql;
use crate::validation::{self, FieldReader, Parsed};

/// Conditions that an entry must meet, all of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Filter {
    tags: Option<Vec<String>>,
    mood_min: Option<f64>,
    mood_max: Option<f64>,
    /// The first moment that counts.
    from: Option<Timestamp>,
    /// The first moment that counts no more.
    until: Option<Timestamp>,
    search: Option<String>,
}

impl Filter {
    /// Reads `tags` (separated by commas; an entry must have all of them), `mood_min`, `mood_max`, `start_date` and `end_date` (RFC 3339
    /// times, or days in UTC, both included), and `search` (words, `"phrases"`, `or`, `-without`).
    pub(super) fn read(query: &mut FieldReader) -> Self {
        let mood = validation::decimal(1.0..=10.0, "must be a number from 1.0 to 10.0");
        let filter = Self {
            tags: query.optional("tags", tags),
            mood_min: query.optional("mood_min", &mood),
            mood_max: query.optional("mood_max", &mood),
            from: query.optional("start_date", |value| moment(value, Day::Begins)),
            until: query.optional("end_date", |value| moment(value, Day::Ends)),
            search: query.optional("search", validation::text(200, "must be 1 to 200 characters of text")),
        };
        if filter.mood_min.zip(filter.mood_max).is_some_and(|(least, most)| least > most) {
            query.reject("mood_max", "must not be below mood_min");
        }
        if filter.from.zip(filter.until).is_some_and(|(from, until)| from >= until) {
            query.reject("end_date", "must not be before start_date");
        }
        filter
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

fn tags(value: &Value) -> Parsed<Vec<String>> {
    let rule = "must be at most 20 tags of 1 to 50 characters, separated by commas";
    // A parameter that is repeated is a list.
    let parts = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let texts = parts.iter().map(|part| part.as_str().ok_or(rule)).collect::<Parsed<Vec<_>>>()?;
    let names = texts.iter().flat_map(|text| text.split(',')).map(|name| Value::from(name.trim()));
    validation::list(20, rule, validation::text(50, rule))(&names.collect())
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
