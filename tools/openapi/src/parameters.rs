//! The parameters and the headers that several operations have.

use shared::domain::validation::schema::{string, uuid};
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Components, ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Required};

use crate::examples::{ENTRY_ID, REQUEST_ID, USER_ID};

const ETAG: &str = "W/\"9f86d081884c7d659a2feaa0c55ad015\"";

/// Adds the parameters and the headers to the components of the document.
pub(crate) fn add(components: &mut Components) {
    for (name, parameter) in shared_parameters() {
        components.parameters.insert(name.to_owned(), parameter.into());
    }
    for (name, header) in headers() {
        components.headers.insert(name.to_owned(), header.into());
    }
}

/// Returns a reference to the shared parameter of the same name and place, if there is one.
pub(crate) fn shared_parameter(parameter: &Parameter) -> Option<Ref> {
    let is_same = |shared: &Parameter| shared.name == parameter.name && shared.parameter_in == parameter.parameter_in;
    let (name, _) = shared_parameters().into_iter().find(|(_, shared)| is_same(shared))?;
    Some(Ref::new(format!("#/components/parameters/{name}")))
}

/// Returns a reference to a header.
pub(crate) fn header(name: &str) -> RefOr<Header> {
    RefOr::Ref(Ref::new(format!("#/components/headers/{name}")))
}

fn shared_parameters() -> [(&'static str, Parameter); 6] {
    let parameter = |place, name: &str, description: &str, schema: ObjectBuilder, example: &str| {
        let required = if place == ParameterIn::Path { Required::True } else { Required::False };
        // The place comes first, because setting it resets `required`.
        let parameter = ParameterBuilder::new().name(name).parameter_in(place).required(required);
        parameter.description(Some(description)).schema(Some(schema)).example(Some(example.into())).build()
    };
    let key = string().min_length(Some(1)).max_length(Some(255)).pattern(Some("^[!-~]+$"));
    [
        (
            "path_user_id",
            parameter(
                ParameterIn::Path,
                "user_id",
                "The id of the user who is signed in. Any other id is rejected with 403.",
                uuid(),
                USER_ID,
            ),
        ),
        ("entry_id", parameter(ParameterIn::Path, "entry_id", "The id of the entry.", uuid(), ENTRY_ID)),
        (
            "user_id",
            parameter(
                ParameterIn::Query,
                "user_id",
                "The id of the user who is signed in, which older clients send. Any other id is rejected with 403.",
                uuid(),
                USER_ID,
            ),
        ),
        (
            "Idempotency-Key",
            parameter(
                ParameterIn::Header,
                "Idempotency-Key",
                "A key that the client chooses, such as a UUID: 1 to 255 visible ASCII characters. For 24 hours, \
                repeating the request with the same key has no effect and returns the first result. A different \
                request with the same key is rejected with 422.",
                key,
                REQUEST_ID,
            ),
        ),
        (
            "If-Match",
            parameter(
                ParameterIn::Header,
                "If-Match",
                "The `ETag` of the version to change or delete, a comma-separated list of `ETag`s, or `*` for any \
                version. If the current version does not match, the response is 412.",
                string().pattern(Some("^[ !-~]*$")),
                ETAG,
            ),
        ),
        (
            "If-None-Match",
            parameter(
                ParameterIn::Header,
                "If-None-Match",
                "The `ETag` of the client's copy. If the copy is still current, the response is 304 without a body.",
                string(),
                ETAG,
            ),
        ),
    ]
}

fn headers() -> [(&'static str, Header); 7] {
    let header = |description: &str, schema: ObjectBuilder, example: serde_json::Value| {
        HeaderBuilder::new().description(Some(description)).schema(Some(schema)).example(Some(example)).build()
    };
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    [
        (
            "ETag",
            header(
                "The version of the body. Send it as `If-None-Match` to revalidate a copy. For an entry, also send \
                it as `If-Match` to change exactly this version.",
                string(),
                ETAG.into(),
            ),
        ),
        (
            "X-Cache",
            header(
                "The source of the response: `hit` is the cache, `miss` is the database, and `bypass` is the \
                database because the cache could not be used.",
                string().enum_values(Some(["hit", "miss", "bypass"])),
                "hit".into(),
            ),
        ),
        (
            "X-Request-Id",
            header(
                "The id under which the request is logged. Quote it to report a problem.",
                string(),
                REQUEST_ID.into(),
            ),
        ),
        (
            "X-Response-Time",
            header(
                "The time that the function took, in seconds.",
                string().pattern(Some(r"^\d+\.\d{4}s$")),
                "0.0234s".into(),
            ),
        ),
        (
            "Server-Timing",
            header(
                "The time in milliseconds that the function spent on the cache, the database and, if it was called, \
                the language model, and the total time.",
                string(),
                "cache;dur=0.412, db;dur=0.000, total;dur=0.871".into(),
            ),
        ),
        ("Retry-After", header("The number of seconds to wait before the next attempt.", seconds, 2.into())),
        (
            "WWW-Authenticate",
            header(
                "The scheme of the `Authorization` header to send.",
                string().enum_values(Some(["Bearer"])),
                "Bearer".into(),
            ),
        ),
    ]
}
