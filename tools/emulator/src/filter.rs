//! Filter patterns of CloudWatch Logs, for lines that are JSON.
//!
//! Grammar and meaning: Amazon CloudWatch Logs user guide, "Filter pattern syntax for metric filters, subscription filters, and filter log
//! events", section "Using metric filters to match terms from JSON log events".

mod parse;

use serde_json::Value;

/// A pattern, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern(Option<Term>);

#[derive(Clone, Debug, PartialEq)]
enum Term {
    All(Vec<Term>),
    Any(Vec<Term>),
    Compare(Selector, Comparison),
}

/// `$.a.b[0]`: names and positions, from the outside in.
type Selector = Vec<Step>;

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Name(String),
    Position(usize),
}

#[derive(Clone, Debug, PartialEq)]
enum Comparison {
    /// A text in which `*` stands for anything; a number is compared as it is written.
    Text {
        pattern: String,
        equal: bool,
    },
    Number(Order, f64),
    Boolean(bool),
    Null,
    Absent,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Pattern {
    /// Reads a pattern: nothing, which matches every line, or a JSON pattern in braces.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() { Ok(Self(None)) } else { parse::pattern(text).map(|term| Self(Some(term))) }
    }

    /// Whether a line is selected. One that is no JSON object is selected by the empty pattern alone.
    #[must_use]
    pub fn matches(&self, line: &str) -> bool {
        let Some(term) = &self.0 else { return true };
        serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object() && term.holds(&line))
    }
}

impl Term {
    fn holds(&self, line: &Value) -> bool {
        match self {
            Self::All(terms) => terms.iter().all(|term| term.holds(line)),
            Self::Any(terms) => terms.iter().any(|term| term.holds(line)),
            Self::Compare(selector, comparison) => comparison.holds(selected(line, selector)),
        }
    }
}

fn selected<'a>(line: &'a Value, selector: &[Step]) -> Option<&'a Value> {
    selector.iter().try_fold(line, |value, step| match step {
        Step::Name(name) => value.get(name),
        Step::Position(position) => value.get(position),
    })
}

impl Comparison {
    fn holds(&self, value: Option<&Value>) -> bool {
        let Some(value) = value else { return *self == Self::Absent };
        match self {
            Self::Text { pattern, equal } => scalar(value).is_some_and(|text| wildcard(pattern, &text) == *equal),
            Self::Number(order, number) => value.as_f64().is_some_and(|value| order.holds(value, *number)),
            Self::Boolean(expected) => value.as_bool() == Some(*expected),
            Self::Null => value.is_null(),
            Self::Absent => false,
        }
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

impl Order {
    fn holds(self, value: f64, number: f64) -> bool {
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

/// Whether a text is the pattern's, in which `*` stands for any characters or none.
fn wildcard(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|tail| {
            let ends = tail.char_indices().map(|(index, _)| index).chain([tail.len()]);
            ends.filter_map(|index| tail.get(index..)).any(|tail| wildcard(rest, tail))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"eventType": "UpdateTrail", "sourceIPAddress": "10.0.0.7", "bandwidth": 75, "errorCode": null, "isRead": true,
        "arrayKey": ["value", "another"], "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}], "a-b": {"_c": ""}}"#;

    #[test]
    fn comparisons_mean_what_the_guide_says() {
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
    fn and_binds_closer_than_or_and_parentheses_closer_still() {
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
    fn only_json_objects_are_selected_by_a_pattern() {
        let any = Pattern::parse("{ $.a NOT EXISTS }").unwrap();
        assert!(any.matches("{}"));
        for line in ["START RequestId: 7", "[1]", "7", "", "{\"b\":1"] {
            assert!(!any.matches(line), "{line}");
            assert!(Pattern::parse(" ").unwrap().matches(line), "{line}");
        }
    }

    #[test]
    fn a_pattern_that_cannot_be_read_says_what_is_expected() {
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
