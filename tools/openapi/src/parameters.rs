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
        // The place first: setting it resets `required`.
        let parameter = ParameterBuilder::new().name(name).parameter_in(place).required(required);
        parameter.description(Some(description)).schema(Some(schema)).example(Some(example.into())).build()
    };
    let key = string().min_length(Some(1)).max_length(Some(255)).pattern(Some("^[!-~]+$"));
    [
        ("path_user_id", parameter(ParameterIn::Path, "user_id", "The caller's own id.", uuid(), USER_ID)),
        ("entry_id", parameter(ParameterIn::Path, "entry_id", "The id of the entry.", uuid(), ENTRY_ID)),
        (
            "user_id",
            parameter(ParameterIn::Query, "user_id", "The caller's own id, which older clients send.", uuid(), USER_ID),
        ),
        (
            "Idempotency-Key",
            parameter(
                ParameterIn::Header,
                "Idempotency-Key",
                "1 to 255 visible ASCII characters. For 24 hours, the same request with the same key takes effect once and returns the first \
                result; another request with that key is rejected.",
                key,
                REQUEST_ID,
            ),
        ),
        (
            "If-Match",
            parameter(
                ParameterIn::Header,
                "If-Match",
                "The `ETag` of the version to change, several, or `*`. Without it, the current version is changed.",
                string().pattern(Some("^[ !-~]*$")),
                ETAG,
            ),
        ),
        (
            "If-None-Match",
            parameter(
                ParameterIn::Header,
                "If-None-Match",
                "The `ETag` of the client's copy. The response is 304 if the copy is still current.",
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
        ("ETag", header("The version, for `If-None-Match`; of an entry also for `If-Match`.", string(), ETAG.into())),
        (
            "X-Cache",
            header(
                "The source of the response: the cache, the database, or the database because the cache could not be used.",
                string().enum_values(Some(["hit", "miss", "bypass"])),
                "hit".into(),
            ),
        ),
        ("X-Request-Id", header("The id under which the request is logged.", string(), REQUEST_ID.into())),
        (
            "X-Response-Time",
            header(
                "How long the function took, in seconds.",
                string().pattern(Some(r"^\d+\.\d{4}s$")),
                "0.0234s".into(),
            ),
        ),
        (
            "Server-Timing",
            header(
                "How much of that time the cache and the database took, in milliseconds.",
                string(),
                "cache;dur=0.412, db;dur=0.000, total;dur=0.871".into(),
            ),
        ),
        ("Retry-After", header("How many seconds to wait before the next attempt.", seconds, 2.into())),
        ("WWW-Authenticate", header("How to sign in.", string().enum_values(Some(["Bearer"])), "Bearer".into())),
    ]
}
