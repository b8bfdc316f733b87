//! Parameters with their types.

use std::sync::Arc;

use db::Param;
use jiff::Timestamp;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// A parameter that owns its value.
#[derive(Debug, Clone)]
pub struct Value {
    value: Arc<dyn ToSql + Sync + Send>,
    kind: Type,
}

impl Value {
    fn new(value: impl ToSql + Sync + Send + 'static, kind: Type) -> Self {
        Self { value: Arc::new(value), kind }
    }

    /// As it is sent.
    pub fn param(&self) -> Param<'_> {
        (&*self.value, self.kind.clone())
    }
}

pub(super) fn uuid(id: Uuid) -> Value {
    Value::new(id, Type::UUID)
}

/// A digest.
pub(super) fn key(bytes: &[u8]) -> Value {
    Value::new(bytes.to_vec(), Type::BYTEA)
}

pub(super) fn text(text: &str) -> Value {
    Value::new(text.to_owned(), Type::TEXT)
}

pub(super) fn no_text() -> Value {
    Value::new(None::<String>, Type::TEXT)
}

pub(super) fn texts(texts: &[&str]) -> Value {
    Value::new(texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>(), Type::TEXT_ARRAY)
}

pub(super) fn no_texts() -> Value {
    Value::new(None::<Vec<String>>, Type::TEXT_ARRAY)
}

pub(super) fn number(number: f64) -> Value {
    Value::new(number, Type::FLOAT8)
}

pub(super) fn no_number() -> Value {
    Value::new(None::<f64>, Type::FLOAT8)
}

pub(super) fn moment(at: Timestamp) -> Value {
    Value::new(at, Type::TIMESTAMPTZ)
}

pub(super) fn no_moment() -> Value {
    Value::new(None::<Timestamp>, Type::TIMESTAMPTZ)
}

/// How many rows.
pub(super) fn many(rows: i64) -> Value {
    Value::new(rows, Type::INT8)
}

pub(super) fn ids(ids: &[i64]) -> Value {
    Value::new(ids.to_vec(), Type::INT8_ARRAY)
}

/// How many days, or characters.
pub(super) fn days(number: i32) -> Value {
    Value::new(number, Type::INT4)
}

pub(super) fn flag(flag: bool) -> Value {
    Value::new(flag, Type::BOOL)
}

/// A document, from its text.
pub(super) fn json(text: &str) -> Value {
    Value::new(serde_json::from_str::<serde_json::Value>(text).unwrap_or_default(), Type::JSONB)
}
