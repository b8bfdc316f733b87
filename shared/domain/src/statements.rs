//! Every statement of the product with example parameters, for the tests of plans and permissions
//! and for `cargo xtask explain`. The examples are in the `.sql` files.

use bytes::BytesMut;
use db::{PING, Param, Statement};
use jiff::Timestamp;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

pub use crate::examples::Exception;
use crate::examples::{Parameters, StatementExamples};
use crate::query::sql;

/// A statement with parameters that a request may send.
#[derive(Debug, Clone)]
pub struct Example {
    /// The statement and its name.
    pub statement: Statement,
    /// A description of these parameters if the statement has several examples, otherwise empty.
    pub case: &'static str,
    /// The parameters, from `$1` on.
    pub params: Vec<Value>,
    /// The sorts and scans that the plan contains on purpose.
    pub exceptions: &'static [Exception],
}

/// The user on whose behalf the examples run. The database contains this user with all of this
/// data.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The id of the user.
    pub user: Uuid,
    /// The address with which the user signs in.
    pub email: String,
    /// The hash of the user's password, as a PHC string.
    pub password_hash: String,
    /// SHA-256 of the token of a live session.
    pub token_hash: Vec<u8>,
    /// The id of one of the user's entries.
    pub entry: Uuid,
    /// A tag of many of the entries.
    pub tag: String,
    /// A word of many of the entries.
    pub word: String,
    /// A time in the middle of the journal.
    pub midst: Timestamp,
    /// The endpoint of one of the user's idempotency keys. `token_hash` is also the hash of the key
    /// and of the request.
    pub endpoint: String,
}

/// A parameter as the text that Postgres parses, or null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    text: Option<String>,
    kind: Type,
}

/// Returns at least one example of every statement that the functions send.
pub fn statements(subject: &Subject) -> Vec<Example> {
    let mut all = vec![Example { statement: PING, case: "", params: Vec::new(), exceptions: &[] }];
    for StatementExamples { statement, known, examples } in sql::EXAMPLES {
        for Parameters { case, values, exceptions } in *examples {
            let params: Vec<Value> = values.iter().map(|(json, kind)| Value::new(subject, json, kind)).collect();
            let shapes = [Some(statement), known.as_ref()].into_iter().flatten();
            all.extend(shapes.map(|statement| Example {
                statement: *statement,
                case,
                params: params.clone(),
                exceptions,
            }));
        }
    }
    all
}

impl Value {
    /// Returns the parameter in the form that the driver sends.
    pub fn param(&self) -> Param<'_> {
        (self, self.kind.clone())
    }

    /// Parses the JSON of an example. `build.rs` has checked that it is JSON.
    fn new(subject: &Subject, json: &str, kind: &Type) -> Self {
        let value: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
        let is_document = *kind == Type::JSONB && !value.is_null();
        let text = if is_document { Some(json.to_owned()) } else { subject.text(&value) };
        Self { text, kind: kind.clone() }
    }
}

impl Subject {
    /// Returns a value in the text format of Postgres, or `None` for null.
    fn text(&self, value: &serde_json::Value) -> Option<String> {
        match value {
            serde_json::Value::Null => None,
            serde_json::Value::String(text) => Some(self.resolve(text)),
            serde_json::Value::Array(items) => {
                let quoted = |text: String| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
                let items: Vec<String> = items.iter().filter_map(|item| self.text(item).map(quoted)).collect();
                Some(format!("{{{}}}", items.join(",")))
            }
            other => Some(other.to_string()),
        }
    }

    /// Replaces a name such as `$entry` with the value of the subject.
    fn resolve(&self, text: &str) -> String {
        match text {
            "$user" => self.user.to_string(),
            "$email" => self.email.clone(),
            "$password_hash" => self.password_hash.clone(),
            "$token_hash" => format!("\\x{}", const_hex::encode(&self.token_hash)),
            // A hash that the database does not have.
            "$new_hash" => format!("\\x{}", "02".repeat(32)),
            "$entry" => self.entry.to_string(),
            "$tag" => self.tag.clone(),
            "$word" => self.word.clone(),
            "$midst" => self.midst.to_string(),
            "$endpoint" => self.endpoint.clone(),
            text => text.to_owned(),
        }
    }
}

impl ToSql for Value {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let Some(text) = &self.text else { return Ok(IsNull::Yes) };
        out.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Subject {
        let [email, password_hash, word, endpoint] = [(); 4].map(|()| String::new());
        Subject {
            user: Uuid::nil(),
            email,
            password_hash,
            token_hash: vec![0xab, 1],
            entry: Uuid::nil(),
            tag: "a \"b\"".to_owned(),
            word,
            midst: Timestamp::UNIX_EPOCH,
            endpoint,
        }
    }

    #[test]
    fn an_example_has_as_many_values_as_its_statement_has_parameters() {
        let examples = statements(&subject());
        assert!(examples.len() > 40, "{}", examples.len());
        for Example { statement, case, params, .. } in examples {
            let numbers = statement
                .sql
                .split('$')
                .skip(1)
                .filter_map(|text| text.split(|next: char| !next.is_ascii_digit()).next()?.parse::<usize>().ok());
            assert_eq!(numbers.max().unwrap_or(0), params.len(), "{} {case}", statement.name);
        }
    }

    #[test]
    fn a_value_is_written_as_postgres_parses_it() {
        for (json, kind, expected) in [
            ("null", Type::TEXT, None),
            ("7.5", Type::FLOAT8, Some("7.5")),
            ("true", Type::BOOL, Some("true")),
            (r#""$token_hash""#, Type::BYTEA, Some(r"\xab01")),
            (r#"["$tag", "c,d"]"#, Type::TEXT_ARRAY, Some(r#"{"a \"b\"","c,d"}"#)),
            ("[1, 2]", Type::INT8_ARRAY, Some(r#"{"1","2"}"#)),
            ("null", Type::JSONB, None),
            (r#"{"a": null}"#, Type::JSONB, Some(r#"{"a": null}"#)),
        ] {
            assert_eq!(Value::new(&subject(), json, &kind).text.as_deref(), expected, "{json}");
        }
    }
}
