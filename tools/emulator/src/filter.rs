//! CloudWatch Logs filter patterns for JSON lines.
//!
//! The grammar and its meaning follow the Amazon CloudWatch Logs user guide. The page is "Filter
//! pattern syntax for metric filters, subscription filters, and filter log events". The section is
//! "Using metric filters to match terms from JSON log events".

mod parse;

use serde_json::Value;

/// A filter pattern, which selects log lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern(Option<Expression>);

#[derive(Clone, Debug, PartialEq)]
enum Expression {
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Compare(Selector, Comparison),
}

/// A selector such as `$.a.b[0]`, from the outermost value to the innermost.
type Selector = Vec<Step>;

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Key(String),
    Index(usize),
}

#[derive(Clone, Debug, PartialEq)]
enum Comparison {
    /// Compares the value with a text in which `*` stands for any number of characters. A number is
    /// compared by its text.
    Text {
        pattern: String,
        equal: bool,
    },
    Number(Operator, f64),
    Boolean(bool),
    Null,
    Absent,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operator {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Pattern {
    /// Parses a pattern, which is a JSON pattern in braces. An empty pattern matches every line.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            Ok(Self(None))
        } else {
            parse::parse(text).map(|expression| Self(Some(expression)))
        }
    }

    /// Reports whether the pattern selects a line. Only the empty pattern selects a line that is
    /// not a JSON object.
    #[must_use]
    pub fn matches(&self, line: &str) -> bool {
        let Some(expression) = &self.0 else { return true };
        serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object() && expression.matches(&line))
    }
}

impl Expression {
    fn matches(&self, line: &Value) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(line)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(line)),
            Self::Compare(selector, comparison) => comparison.matches(select(line, selector)),
        }
    }
}

fn select<'a>(line: &'a Value, selector: &[Step]) -> Option<&'a Value> {
    selector.iter().try_fold(line, |value, step| match step {
        Step::Key(key) => value.get(key),
        Step::Index(index) => value.get(index),
    })
}

impl Comparison {
    fn matches(&self, value: Option<&Value>) -> bool {
        let Some(value) = value else { return *self == Self::Absent };
        match self {
            Self::Text { pattern, equal } => {
                scalar_text(value).is_some_and(|text| matches_wildcard(pattern, &text) == *equal)
            }
            Self::Number(operator, number) => value.as_f64().is_some_and(|value| operator.compare(value, *number)),
            Self::Boolean(expected) => value.as_bool() == Some(*expected),
            Self::Null => value.is_null(),
            Self::Absent => false,
        }
    }
}

fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

impl Operator {
    fn compare(self, value: f64, number: f64) -> bool {
        match self {
            Self::Equal => value == number,
            Self::Unequal => value != number,
            Self::Less => value < number,
            Self::AtMost => value <= number,
            Self::Greater => value > number,
            Self::AtLeast => value >= number,
        }
    }
}

/// Reports whether a text matches a pattern in which `*` stands for any number of characters.
fn matches_wildcard(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|tail| {
            let ends = tail.char_indices().map(|(index, _)| index).chain([tail.len()]);
            ends.filter_map(|index| tail.get(index..)).any(|tail| matches_wildcard(rest, tail))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"eventType": "UpdateTrail", "sourceIPAddress": "10.0.0.7", "bandwidth": 75, "errorCode": null, "isRead": true,
        "arrayKey": ["value", "another"], "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}], "a-b": {"_c": ""}}"#;

    #[test]
    fn comparisons_follow_the_user_guide() {
        for (pattern, expected) in [
            ("", true),
            (r#"{ $.eventType = "UpdateTrail" }"#, true),
            (r#"{ $.eventType = UpdateTrail }"#, true),
            (r#"{$.eventType="Update"}"#, false),
            (r#"{ $.eventType = "Up*ai*" }"#, true),
            (r#"{ $.eventType = * }"#, true),
            (r#"{ $.nothing = * }"#, false),
            (r#"{ $.sourceIPAddress != 123.123.* }"#, true),
            (r#"{ $.sourceIPAddress != 10.* }"#, false),
            (r#"{ $.nothing != "x" }"#, false),
            ("{ $.bandwidth > 74 }", true),
            ("{ $.bandwidth >= 75.0 && $.bandwidth <= 7.5e1 }", true),
            ("{ $.bandwidth < 75 || $.bandwidth > 75 }", false),
            ("{ $.bandwidth = 75 }", true),
            ("{ $.bandwidth != 75 }", false),
            ("{ $.eventType > 1 }", false),
            ("{ $.bandwidth = 7* }", true),
            ("{ $.isRead IS TRUE }", true),
            ("{ $.isRead IS FALSE }", false),
            ("{ $.errorCode IS NULL }", true),
            ("{ $.eventType IS NULL }", false),
            ("{ $.nothing NOT EXISTS }", true),
            ("{ $.errorCode NOT EXISTS }", false),
            (r#"{ $.arrayKey[0] = "value" }"#, true),
            ("{ $.objectList[1].id = 2 }", true),
            ("{ $.objectList[7].id = 2 }", false),
            (r#"{ $.a-b._c = "" }"#, true),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().matches(LINE), expected, "{pattern}");
        }
    }

    #[test]
    fn and_binds_tighter_than_or_and_parentheses_override_both() {
        let (yes, no) = ("$.bandwidth = 75", "$.bandwidth = 1");
        for (pattern, expected) in [
            (format!("{{ {yes} || {no} && {no} }}"), true),
            (format!("{{ ({yes} || {no}) && {no} }}"), false),
            (format!("{{ ({no} && {no}) || (({yes})) }}"), true),
        ] {
            assert_eq!(Pattern::parse(&pattern).unwrap().matches(LINE), expected, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_selects_only_json_objects() {
        let any = Pattern::parse("{ $.a NOT EXISTS }").unwrap();
        assert!(any.matches("{}"));
        for line in ["START RequestId: 7", "[1]", "7", "", "{\"b\":1"] {
            assert!(!any.matches(line), "{line}");
            assert!(Pattern::parse(" ").unwrap().matches(line), "{line}");
        }
    }

    #[test]
    fn the_error_of_a_malformed_pattern_says_what_is_expected() {
        for pattern in [
            "ERROR",
            "[ip, user]",
            "%regex%",
            "{ }",
            "{ $.a }",
            "{ $.a = }",
            "{ a = 1 }",
            "{ $.a = 1",
            "{ $.a = 1 } x",
            "{ ($.a = 1 }",
            "{ $.a = 1 && }",
            "{ $.a ~ 1 }",
            "{ $.a > x }",
            "{ $.a[x] = 1 }",
            r#"{ $.a = "x }"#,
            "{ $.a IS MAYBE }",
            "{ $.a NOT HERE }",
        ] {
            let error = Pattern::parse(pattern).unwrap_err();
            assert!(error.contains("expected"), "{pattern}: {error}");
        }
    }
}
