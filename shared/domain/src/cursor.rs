//! Cursors: positions in a list that is read newest first.

use std::fmt;

use jiff::Timestamp;
use serde_json::Value;
use utoipa::openapi::schema::{KnownFormat, Schema};
use uuid::Uuid;

use crate::validation::{Field, Parsed, schema};

/// A position in a list that is sorted by time and id, newest first. It is after all newer rows,
/// and after the rows of the same time with a greater or equal id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) created_at: Timestamp,
    pub(super) id: Uuid,
}

impl Cursor {
    /// The position before the newest possible row.
    pub(super) const START: Self = Self { created_at: Timestamp::MAX, id: Uuid::max() };

    /// Cuts the rows to the limit. If there were more, returns the position at which the next rows
    /// begin.
    pub(super) fn after<T: HasCursor>(rows: &mut Vec<T>, limit: usize) -> Option<Self> {
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        rows.last().filter(|_| has_more).map(HasCursor::position)
    }
}

impl Field for Cursor {
    type Value = Self;

    /// Parses what [`Display`](fmt::Display) writes, or only a time, which is the position after
    /// all rows of that time.
    fn parse(value: &Value) -> Parsed<Self> {
        let rule = "must be the next_cursor of an earlier response, or an RFC 3339 time";
        let text = value.as_str().ok_or(rule)?;
        let (instant, id) = text.split_once('_').unwrap_or((text, ""));
        let id = if id.is_empty() { Uuid::nil() } else { Uuid::try_parse(id).map_err(|_| rule)? };
        Ok(Self { created_at: time(instant).ok_or(rule)?, id })
    }

    fn schema() -> Schema {
        let place = r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?Z_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$";
        schema::either(schema::string().pattern(Some(place)), schema::formatted(KnownFormat::DateTime)).into()
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.created_at, self.id)
    }
}

/// A row with a position in a list.
pub(super) trait HasCursor {
    /// Returns the position directly after the row.
    fn position(&self) -> Cursor;
}

/// Parses a time that the database can store.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(is_storable)
}

fn is_storable(time: &Timestamp) -> bool {
    // The years 1 to 9999, with some room for durations that are added to a time.
    (-62_135_596_800..253_402_000_000).contains(&time.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_parsed_as_it_was_formatted() {
        let position = Cursor { created_at: "2025-10-20T12:00:00.123456Z".parse().unwrap(), id: Uuid::now_v7() };
        assert_eq!(Cursor::parse(&Value::from(position.to_string())), Ok(position));
        let time = Cursor::parse(&Value::from("2025-10-20T14:00:00+02:00")).unwrap();
        assert_eq!((time.created_at.to_string().as_str(), time.id), ("2025-10-20T12:00:00Z", Uuid::nil()));
    }
}
