//! Requests as types: a field's limits, its parser and its schema are one declaration.
//!
//! | module | contents |
//! |---|---|
//! | `reader` | [`FieldReader`]: the values of one request part, and the errors found so far |
//! | [`rules`] | parsers of single values |
//! | `field` | [`Field`]: a value's parser and its schema; [`Member`]: a field that may be absent |
//! | `request` | [`request!`](crate::request): a struct with its parser and its schemas |
//! | [`schema`] | schemas and parameters of the OpenAPI document |
//!
//! Unknown fields are ignored, as in the original service. A rule is a constant phrase and never
//! contains anything that the client sent.

mod field;
mod reader;
mod request;
pub mod rules;
pub mod schema;

pub use self::field::{CallerId, DefaultField, Field, Member, OrDefault};
pub(crate) use self::field::{integer_field, text_field};
pub use self::reader::{FieldReader, Parsed};
pub use self::request::FromFields;
pub use self::rules::uuid;
#[doc(hidden)]
pub use utoipa;
