//! Reads the fields of a JSON object or a query string and collects every error.

use serde_json::{Map, Value};

use super::FromFields;
use crate::error::{Error, FieldError, Result};

/// The named values of one request part, and the errors found so far.
#[derive(Debug, Default)]
pub struct FieldReader {
    values: Map<String, Value>,
    errors: Vec<FieldError>,
}

/// The result of parsing a field: its value, or the rule that it breaks.
pub type Parsed<T> = Result<T, &'static str>;

impl FieldReader {
    /// Reads the members of a JSON object.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the text is not valid JSON, or not an object.
    pub fn from_json(text: &[u8]) -> Result<Self> {
        match serde_json::from_slice(text) {
            Ok(Value::Object(values)) => Ok(Self { values, errors: Vec::new() }),
            Ok(_) => Err(Error::Malformed("The body must be a JSON object.")),
            Err(_) => Err(Error::Malformed("The body must be valid JSON.")),
        }
    }

    /// Reads the parameters of a query string. A repeated parameter becomes a list, which no parser
    /// of a single value accepts.
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

    /// Parses a request from the values.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every field that breaks its rule.
    pub fn parse<T: FromFields>(mut self) -> Result<T> {
        let request = T::from_fields(&mut self);
        self.finish(request)
    }

    /// Parses a field that must be present.
    pub(super) fn required<T>(&mut self, field: &'static str, parse: impl FnOnce(&Value) -> Parsed<T>) -> Option<T> {
        if self.values.get(field).is_none_or(Value::is_null) {
            self.errors.push(FieldError { field, rule: "is required" });
            return None;
        }
        self.optional(field, parse)
    }

    /// Parses a field that may be absent or null.
    pub(super) fn optional<T>(&mut self, field: &'static str, parse: impl FnOnce(&Value) -> Parsed<T>) -> Option<T> {
        self.nullable(field, parse).flatten()
    }

    /// Parses a field where null differs from absent: `None` is absent, `Some(None)` is null.
    pub(super) fn nullable<T>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(&Value) -> Parsed<T>,
    ) -> Option<Option<T>> {
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

    /// Returns a field's text before any rule is applied to it.
    pub fn peek(&self, field: &str) -> Option<&str> {
        self.values.get(field).and_then(Value::as_str)
    }

    /// Returns whether a field is present, even if it is null.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.values.contains_key(field)
    }

    /// Records a rule that a field breaks in combination with others.
    pub(crate) fn reject(&mut self, field: &'static str, rule: &'static str) {
        self.errors.push(FieldError { field, rule });
    }

    /// Returns the result if no field broke its rule.
    fn finish<T>(self, result: Option<T>) -> Result<T> {
        match result {
            Some(result) if self.errors.is_empty() => Ok(result),
            _ => Err(Error::Invalid(self.errors)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules::{integer, number, text, uuid};
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
    fn null_differs_from_absent_where_it_matters() {
        let mut fields = FieldReader::from_json(br#"{"a": null}"#).unwrap();
        assert_eq!(fields.nullable("a", uuid), Some(None));
        assert_eq!(fields.nullable("b", uuid), None);
        assert_eq!(fields.optional("a", uuid), None);
        assert!(fields.required("a", uuid).is_none());
    }

    #[test]
    fn a_body_that_is_not_an_object_is_malformed() {
        for body in [&b""[..], b"[]", b"7", b"{", b"\xff"] {
            assert!(matches!(FieldReader::from_json(body), Err(Error::Malformed(_))), "{body:?}");
        }
    }

    #[test]
    fn a_repeated_parameter_is_not_a_single_value() {
        let mut fields = FieldReader::from_query([("page", "1"), ("page", "2"), ("size", "3")]);
        assert_eq!(fields.optional("size", integer(1..=9, "must be a digit")), Some(3));
        assert_eq!(fields.optional("page", integer(1..=9, "must be a digit")), None);
        assert!(fields.finish(Some(())).is_err());
    }
}
