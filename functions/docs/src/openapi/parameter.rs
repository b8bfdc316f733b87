//! Parameters, and the headers of answers.

use serde_json::Value;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::schema::{
    AnyOfBuilder, ArrayBuilder, ComponentsBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{RefOr, Required};

use super::{ENTRY_ID, REQUEST_ID, USER_ID};

const TAG: &str = "W/\"9f86d081884c7d659a2feaa0c55ad015\"";

/// The parameters and headers that several operations have.
pub(super) fn components(components: ComponentsBuilder) -> ComponentsBuilder {
    let id = |name, example: &str, about| {
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
        parameter.description(Some(about)).schema(Some(uuid())).example(Some(example.into())).build()
    };
    let key = text().min_length(Some(1)).max_length(Some(255)).pattern(Some("^[!-~]+$"));
    components
        .parameter("path_user_id", id("user_id", USER_ID, "The caller's own id."))
        .parameter("entry_id", id("entry_id", ENTRY_ID, "Which entry."))
        .parameter("user_id", query("user_id", "The caller's own id; older clients send it along.", uuid(), USER_ID))
        .parameter("Idempotency-Key", request_header(
            "Idempotency-Key",
            "1 to 255 visible ASCII characters. For 24 hours the same request with the same key has its effect once, and answers the first \
            result; another request with that key is refused.",
            key,
            REQUEST_ID,
        ))
        .parameter("If-Match", request_header(
            "If-Match",
            "The `ETag` of the version that is meant, several, or `*`. Without it, whichever version is there.",
            text().pattern(Some("^[ !-~]*$")),
            TAG,
        ))
        .parameter("If-None-Match", request_header(
            "If-None-Match",
            "The `ETag` of what the client has: answered 304 when it is still right.",
            text(),
            TAG,
        ))
        .header("ETag", header("The version, for `If-None-Match`; of an entry also for `If-Match`.", text(), TAG))
        .header("X-Cache", header(
            "Where the answer came from: the cache, the database, or the database because the cache was not to be asked.",
            text().enum_values(Some(["hit", "miss", "bypass"])),
            "hit",
        ))
        .header("X-Request-Id", header("The request's id, under which it is logged.", text(), REQUEST_ID))
        .header("X-Response-Time", header(
            "How long the function took, in seconds.",
            text().pattern(Some(r"^\d+\.\d{4}s$")),
            "0.0234s",
        ))
        .header("Server-Timing", header(
            "What of that, in milliseconds, went to the cache and to the database.",
            text(),
            "cache;dur=0.412, db;dur=0.000, total;dur=0.871",
        ))
        .header("Retry-After", header("Seconds after which to try again.", integer(1, None), 2))
        .header("WWW-Authenticate", header("How to sign in.", text().enum_values(Some(["Bearer"])), "Bearer"))
}

/// A parameter of the query that may be absent.
pub(super) fn query(name: &str, about: &str, schema: impl Into<RefOr<Schema>>, example: impl Into<Value>) -> Parameter {
    optional(ParameterIn::Query, name, about, schema, example).build()
}

/// A parameter of the query that is a list separated by commas.
pub(super) fn list(name: &str, about: &str, schema: ArrayBuilder, example: Value) -> Parameter {
    let parameter = optional(ParameterIn::Query, name, about, schema, example);
    parameter.style(Some(ParameterStyle::Form)).explode(Some(false)).build()
}

fn request_header(name: &str, about: &str, schema: ObjectBuilder, example: &str) -> Parameter {
    optional(ParameterIn::Header, name, about, schema, example).build()
}

fn optional(
    place: ParameterIn,
    name: &str,
    about: &str,
    schema: impl Into<RefOr<Schema>>,
    example: impl Into<Value>,
) -> ParameterBuilder {
    // The place first: it sets what is required.
    let parameter = ParameterBuilder::new().name(name).parameter_in(place).required(Required::False);
    parameter.description(Some(about)).schema(Some(schema)).example(Some(example.into()))
}

fn header(about: &str, schema: ObjectBuilder, example: impl Into<Value>) -> utoipa::openapi::Header {
    HeaderBuilder::new().description(Some(about)).schema(Some(schema)).example(Some(example.into())).build()
}

/// Text.
pub(super) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// Text that is not blank, of so many characters, without control characters other than line breaks and tabs.
pub(super) fn writing(most: usize) -> ObjectBuilder {
    let pattern =
        r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$";
    text().min_length(Some(1)).max_length(Some(most)).pattern(Some(pattern))
}

/// The same, or null.
pub(super) fn nullable(schema: ObjectBuilder) -> ObjectBuilder {
    let object = schema.build();
    let types = match &object.schema_type {
        SchemaType::Type(one) => SchemaType::Array(vec![one.clone(), Type::Null]),
        other => other.clone(),
    };
    ObjectBuilder::from(object).schema_type(types)
}

/// A UUID in its hyphenated form.
pub(super) fn uuid() -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
}

/// A whole number within bounds.
pub(super) fn integer(least: i64, most: Option<i64>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least)).maximum(most)
}

/// A day in UTC or a time.
pub(super) fn moment() -> AnyOfBuilder {
    any_of([format(KnownFormat::Date), format(KnownFormat::DateTime)])
}

/// A time, or what was handed out as `next_cursor`: a time and an id.
pub(super) fn cursor() -> AnyOfBuilder {
    let position = r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?Z_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$";
    any_of([text().pattern(Some(position)), format(KnownFormat::DateTime)])
}

fn format(format: KnownFormat) -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(format)))
}

fn any_of(items: [ObjectBuilder; 2]) -> AnyOfBuilder {
    items.into_iter().fold(AnyOfBuilder::new(), AnyOfBuilder::item)
}
