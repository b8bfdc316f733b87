//! Schemas and parameters of the OpenAPI document.
//!
//! Only the tool that assembles the document calls these functions. The linker leaves them out of
//! the functions' binaries.

use std::ops::RangeInclusive;

use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::schema::{
    AnyOfBuilder, ArrayBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, SchemaType, Type,
};

use super::Member;

/// Control characters other than line breaks and tabs, as a part of a class in a regular
/// expression.
pub(crate) const CONTROL: &str = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f";

/// Returns the schema of an object that has no properties yet.
pub fn object(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Object).description(Some(description.trim()))
}

/// Adds a member of a body to an object.
pub fn property<M: Member>(object: ObjectBuilder, name: &str, description: &str) -> ObjectBuilder {
    let schema = described(M::schema(), description);
    match M::IS_REQUIRED {
        true => object.property(name, schema).required(name),
        false => object.property(name, nullable(schema)),
    }
}

/// Returns a member of a query as a parameter. A list is separated by commas.
pub fn parameter<M: Member>(name: &str, description: &str) -> Parameter {
    let schema = M::schema();
    let required = if M::IS_REQUIRED { Required::True } else { Required::False };
    // The place comes first, because setting it resets `required`.
    let mut parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query).required(required);
    if matches!(schema, Schema::Array(_)) {
        parameter = parameter.style(Some(ParameterStyle::Form)).explode(Some(false));
    }
    parameter.description(Some(description.trim())).schema(Some(schema)).build()
}

/// Returns the schema of any string.
pub fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// Returns the schema of what [`rules::text`](super::rules::text) accepts.
pub fn text(most: usize) -> ObjectBuilder {
    let pattern = format!(r"^[^{CONTROL}]*[^\s\x00-\x1f\x7f-\x9f][^{CONTROL}]*$");
    string().min_length(Some(1)).max_length(Some(most)).pattern(Some(pattern))
}

/// Returns the schema of what [`rules::uuid`](super::rules::uuid) accepts.
pub fn uuid() -> ObjectBuilder {
    formatted(KnownFormat::Uuid)
}

/// Returns the schema of what [`rules::integer`](super::rules::integer) accepts.
pub fn integer(range: RangeInclusive<i64>) -> ObjectBuilder {
    let (least, most) = range.into_inner();
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least)).maximum(Some(most))
}

/// Returns the schema of what [`rules::number`](super::rules::number) and
/// [`rules::decimal`](super::rules::decimal) accept.
pub fn number(range: RangeInclusive<f64>) -> ObjectBuilder {
    let (least, most) = range.into_inner();
    ObjectBuilder::new().schema_type(Type::Number).minimum(Some(least)).maximum(Some(most))
}

/// Returns the schema of what [`rules::list`](super::rules::list) accepts.
pub fn list(most: usize, item: ObjectBuilder) -> ArrayBuilder {
    ArrayBuilder::new().items(item).max_items(Some(most))
}

/// Returns the schema of a string in a format.
pub fn formatted(format: KnownFormat) -> ObjectBuilder {
    string().format(Some(SchemaFormat::KnownFormat(format)))
}

/// Returns the schema of a string of one of two kinds.
pub(crate) fn either(one: ObjectBuilder, other: ObjectBuilder) -> AnyOfBuilder {
    AnyOfBuilder::new().item(one).item(other)
}

fn described(mut schema: Schema, text: &str) -> Schema {
    let description = match &mut schema {
        Schema::Object(schema) => &mut schema.description,
        Schema::Array(schema) => &mut schema.description,
        Schema::OneOf(schema) => &mut schema.description,
        Schema::AllOf(schema) => &mut schema.description,
        Schema::AnyOf(schema) => &mut schema.description,
        _ => return schema,
    };
    *description = Some(text.trim().to_owned());
    schema
}

fn nullable(mut schema: Schema) -> Schema {
    let schema_type = match &mut schema {
        Schema::Object(schema) => &mut schema.schema_type,
        Schema::Array(schema) => &mut schema.schema_type,
        _ => return OneOfBuilder::new().item(schema).item(ObjectBuilder::new().schema_type(Type::Null)).into(),
    };
    if let SchemaType::Type(kind) = schema_type {
        *schema_type = SchemaType::Array(vec![kind.clone(), Type::Null]);
    }
    schema
}
