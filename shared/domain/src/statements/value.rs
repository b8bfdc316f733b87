//! Parameters as they are sent, with their types.

use bytes::BytesMut;
use db::Param;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// A parameter that owns its value, in the form in which it is sent.
#[derive(Debug, Clone)]
pub struct Value {
    bytes: Option<Vec<u8>>,
    kind: Type,
}

impl Value {
    /// The parameter.
    pub fn param(&self) -> Param<'_> {
        (self, self.kind.clone())
    }
}

impl From<&Param<'_>> for Value {
    /// Encodes a parameter. One that cannot be encoded becomes null.
    fn from((value, kind): &Param<'_>) -> Self {
        let mut bytes = BytesMut::new();
        let encoded = value.to_sql_checked(kind, &mut bytes);
        Self { bytes: matches!(encoded, Ok(IsNull::No)).then(|| bytes.to_vec()), kind: kind.clone() }
    }
}

impl ToSql for Value {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let Some(bytes) = &self.bytes else { return Ok(IsNull::Yes) };
        out.extend_from_slice(bytes);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
