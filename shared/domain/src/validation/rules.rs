//! Parsers of single values. Each parser has limits, and the rule that it returns for a value that
//! breaks them.

use std::ops::RangeInclusive;

use serde_json::Value;
use uuid::Uuid;

use super::Parsed;

/// Parses text of one to `most` characters that is not blank and has no control characters other
/// than line breaks and tabs.
pub fn text(most: usize, rule: &'static str) -> impl Fn(&Value) -> Parsed<String> {
    move |value| {
        let text = value.as_str().filter(|text| !text.trim().is_empty() && text.chars().count() <= most).ok_or(rule)?;
        match text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            true => Err("must not contain control characters except line breaks and tabs"),
            false => Ok(text.to_owned()),
        }
    }
}

/// Parses a whole number within a range, as a JSON number or as digits in a query.
pub fn integer(range: RangeInclusive<i64>, rule: &'static str) -> impl Fn(&Value) -> Parsed<i64> {
    move |value| {
        let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
        number.filter(|number| range.contains(number)).ok_or(rule)
    }
}

/// Parses a JSON number within a range.
pub fn number(range: RangeInclusive<f64>, rule: &'static str) -> impl Fn(&Value) -> Parsed<f64> {
    move |value| value.as_f64().filter(|number| range.contains(number)).ok_or(rule)
}

/// Parses a number within a range, as the text of a query.
pub fn decimal(range: RangeInclusive<f64>, rule: &'static str) -> impl Fn(&Value) -> Parsed<f64> {
    move |value| value.as_str().and_then(|text| text.parse().ok()).filter(|number| range.contains(number)).ok_or(rule)
}

/// Parses a UUID in its hyphenated form.
///
/// # Errors
/// The rule that the value breaks.
pub fn uuid(value: &Value) -> Parsed<Uuid> {
    let text = value.as_str().filter(|text| text.len() == 36);
    text.and_then(|text| Uuid::try_parse(text).ok()).ok_or("must be a UUID in its hyphenated form")
}

/// Parses a list of at most `most` values.
pub fn list<T>(
    most: usize,
    rule: &'static str,
    parse: impl Fn(&Value) -> Parsed<T>,
) -> impl Fn(&Value) -> Parsed<Vec<T>> {
    move |value| value.as_array().filter(|values| values.len() <= most).ok_or(rule)?.iter().map(&parse).collect()
}

/// Parses a JSON object of at most `most` bytes, which the product stores and does not interpret.
pub fn object(most: usize, rule: &'static str) -> impl Fn(&Value) -> Parsed<Value> {
    move |value| {
        let fits = value.is_object() && value.to_string().len() <= most;
        match fits {
            // Postgres cannot store NUL, in text or in JSON.
            true if contains_nul(value) => Err("must not contain the character NUL (U+0000)"),
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
    fn text_is_measured_in_characters_and_must_not_contain_control_characters() {
        let parse = text(3, "too long");
        assert_eq!(parse(&Value::from("äöü")).as_deref(), Ok("äöü"));
        assert!(parse(&Value::from("a\n\t")).is_ok());
        for wrong in ["", "  ", "abcd", "a\0", "a\u{1b}"] {
            assert!(parse(&Value::from(wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn text_that_is_not_a_whole_number_in_the_range_is_rejected() {
        let parse = integer(1..=100, "rule");
        for wrong in ["", "1.5", "0", "101", "1e1", "٣", "99999999999999999999"] {
            assert!(parse(&Value::from(wrong)).is_err(), "{wrong}");
        }
        assert_eq!(parse(&Value::from("+7")), Ok(7));
    }

    #[test]
    fn an_object_must_not_exceed_its_limit_or_contain_nul() {
        let parse = object(20, "rule");
        assert!(parse(&serde_json::json!({"a": [1, "b"]})).is_ok());
        assert!(parse(&serde_json::json!({"a": "\0"})).is_err());
        assert!(parse(&serde_json::json!({"a": "x".repeat(30)})).is_err());
        assert!(parse(&serde_json::json!([])).is_err());
    }
}
