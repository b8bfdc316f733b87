//! Reads typed fields from a JSON object or a query string and collects everything that is wrong with them.
//!
//! Fields that nobody asks for are ignored, as the original service did. Rules are phrases of ours: what the client sent is in none
//! of them.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::error::{Error, FieldError, Result};

/// The named values of one request part, and the errors found so far.
#[derive(Debug, Default)]
pub struct FieldReader {
    values: Map<String, Value>,
    errors: Vec<FieldError>,
}

/// What a field's parser gives: the value, or the rule that it breaks.
pub type Parsed<T> = Result<T, &'static str>;

impl FieldReader {
    /// The members of a JSON object.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the text is not JSON or not an object.
    pub fn from_json(text: &[u8]) -> Result<Self> {
        match serde_json::from_slice(text) {
            Ok(Value::Object(values)) => Ok(Self { values, errors: Vec::new() }),
            Ok(_) => Err(Error::Malformed("The body must be a JSON object.")),
            Err(_) => Err(Error::Malformed("The body must be valid JSON.")),
        }
    }

    /// The parameters of a query string. One that is repeated becomes a list, which no parser of a single value accepts.
    pub fn from_query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut fields = Self::default();
        for (name, value) in pairs {
            let value = Value::from(value);
            match fields.values.get_mut(name) {
                None => drop(fields.values.insert(name.to_owned(), value)),
                Some(Value::Array(values)) => values.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
            }
        }
        fields
    }

    /// A field that must be there.
    pub fn required<T>(&mut self, field: &'static str, parse: impl FnOnce(&Value) -> Parsed<T>) -> Option<T> {
        if self.values.get(field).is_none_or(Value::is_null) {
            self.errors.push(FieldError { field, rule: "is required" });
            return None;
        }
        self.optional(field, parse)
    }

    /// A field that may be absent or null.
    pub fn optional<T>(&mut self, field: &'static str, parse: impl FnOnce(&Value) -> Parsed<T>) -> Option<T> {
        self.nullable(field, parse).flatten()
    }

    /// A field where null differs from absent: `None` is absent, `Some(None)` is null.
    pub fn nullable<T>(&mut self, field: &'static str, parse: impl FnOnce(&Value) -> Parsed<T>) -> Option<Option<T>> {
        match self.values.get(field)? {
            Value::Null => Some(None),
            value => match parse(value) {
                Ok(value) => Some(Some(value)),
                Err(rule) => {
                    self.errors.push(FieldError { field, rule });
                    None
                }
            },
        }
    }

    /// A field's text before any rule is applied to it.
    pub fn peek(&self, field: &str) -> Option<&str> {
        self.values.get(field).and_then(Value::as_str)
    }

    /// Whether a field is there, be it null.
    pub fn has(&self, field: &str) -> bool {
        self.values.contains_key(field)
    }

    /// Notes a rule that a field breaks together with others.
    pub fn reject(&mut self, field: &'static str, rule: &'static str) {
        self.errors.push(FieldError { field, rule });
    }

    /// The result, if no field broke its rule.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every field that did.
    pub fn finish<T>(self, result: Option<T>) -> Result<T> {
        match result {
            Some(result) if self.errors.is_empty() => Ok(result),
            _ => Err(Error::Invalid(self.errors)),
        }
    }
}

/// Text, from one to `most` characters long, without control characters other than line breaks and tabs.
pub fn text(most: usize, rule: &'static str) -> impl Fn(&Value) -> Parsed<String> {
    move |value| {
        let text = value.as_str().filter(|text| !text.trim().is_empty() && text.chars().count() <= most).ok_or(rule)?;
        match text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            true => Err("must not contain control characters"),
            false => Ok(text.to_owned()),
        }
    }
}

/// A whole number within a range, as a JSON number or as digits in a query.
pub fn integer(range: RangeInclusive<i64>, rule: &'static str) -> impl Fn(&Value) -> Parsed<i64> {
    move |value| {
        let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
        number.filter(|number| range.contains(number)).ok_or(rule)
    }
}

/// A number within a range.
pub fn number(range: RangeInclusive<f64>, rule: &'static str) -> impl Fn(&Value) -> Parsed<f64> {
    move |value| value.as_f64().filter(|number| range.contains(number)).ok_or(rule)
}

/// A number within a range, as the text of a query.
pub fn decimal(range: RangeInclusive<f64>, rule: &'static str) -> impl Fn(&Value) -> Parsed<f64> {
    move |value| value.as_str().and_then(|text| text.parse().ok()).filter(|number| range.contains(number)).ok_or(rule)
}

/// A UUID in its hyphenated form.
pub fn uuid(value: &Value) -> Parsed<Uuid> {
    let text = value.as_str().filter(|text| text.len() == 36);
    text.and_then(|text| Uuid::try_parse(text).ok()).ok_or("must be a UUID")
}

/// A list of at most `most` values.
pub fn list<T>(
    most: usize,
    rule: &'static str,
    parse: impl Fn(&Value) -> Parsed<T>,
) -> impl Fn(&Value) -> Parsed<Vec<T>> {
    move |value| value.as_array().filter(|values| values.len() <= most).ok_or(rule)?.iter().map(&parse).collect()
}

/// A JSON object of at most `most` bytes, for what the product stores without looking into it.
pub fn object(most: usize, rule: &'static str) -> impl Fn(&Value) -> Parsed<Value> {
    move |value| {
        let fits = value.is_object() && value.to_string().len() <= most;
        match fits {
            // Postgres cannot store it, in text or in JSON.
            true if contains_nul(value) => Err("must not contain control characters"),
            true => Ok(value.clone()),
            false => Err(rule),
        }
    }
}

fn contains_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(contains_nul),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || contains_nul(value)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_breaks_its_rule_is_named_at_once() {
        let mut fields = FieldReader::from_json(br#"{"title": 7, "mood": 11, "extra": true}"#).unwrap();
        let title = fields.optional("title", text(5, "must be text of 1 to 5 characters"));
        let mood = fields.optional("mood", number(1.0..=10.0, "must be between 1 and 10"));
        let content = fields.required("content", text(5, "must be text"));
        assert_eq!((title, mood), (None, None));
        let Err(Error::Invalid(errors)) = fields.finish(content) else { panic!("expected errors") };
        assert_eq!(errors.iter().map(|error| error.field).collect::<Vec<_>>(), ["title", "mood", "content"]);
    }

    #[test]
    fn null_is_told_apart_from_absent_where_it_matters() {
        let mut fields = FieldReader::from_json(br#"{"a": null}"#).unwrap();
        assert_eq!(fields.nullable("a", uuid), Some(None));
        assert_eq!(fields.nullable("b", uuid), None);
        assert_eq!(fields.optional("a", uuid), None);
        assert!(fields.required("a", uuid).is_none());
    }

    #[test]
    fn what_is_not_an_object_is_malformed() {
        for body in [&b""[..], b"[]", b"7", b"{", b"\xff"] {
            assert!(matches!(FieldReader::from_json(body), Err(Error::Malformed(_))), "{body:?}");
        }
    }

    #[test]
    fn a_repeated_parameter_is_no_single_value() {
        let mut fields = FieldReader::from_query([("page", "1"), ("page", "2"), ("size", "3")]);
        assert_eq!(fields.optional("size", integer(1..=9, "must be a digit")), Some(3));
        assert_eq!(fields.optional("page", integer(1..=9, "must be a digit")), None);
        assert!(fields.finish(Some(())).is_err());
    }

    #[test]
    fn text_is_measured_in_characters_and_holds_no_control_characters() {
        let parse = text(3, "too long");
        assert_eq!(parse(&Value::from("äöü")).as_deref(), Ok("äöü"));
        assert!(parse(&Value::from("a\n\t")).is_ok());
        for wrong in ["", "  ", "abcd", "a\0", "a\u{1b}"] {
            assert!(parse(&Value::from(wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        let parse = integer(1..=100, "rule");
        for wrong in ["", "1.5", "0", "101", "1e1", "٣", "99999999999999999999"] {
            assert!(parse(&Value::from(wrong)).is_err(), "{wrong}");
        }
        assert_eq!(parse(&Value::from("+7")), Ok(7));
    }

    #[test]
    fn objects_are_bounded_and_storable() {
        let parse = object(20, "rule");
        assert!(parse(&serde_json::json!({"a": [1, "b"]})).is_ok());
        assert!(parse(&serde_json::json!({"a": "\0"})).is_err());
        assert!(parse(&serde_json::json!({"a": "x".repeat(30)})).is_err());
        assert!(parse(&serde_json::json!([])).is_err());
    }
}
