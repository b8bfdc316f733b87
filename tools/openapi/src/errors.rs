//! The errors, as the functions respond with them.

use std::time::Duration;

use serde_json::{Value, json};
use shared::error::{Error, FieldError};
use shared::http::Problem;
use shared::safety::{Resource, resources};
use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::schema::{AllOfBuilder, ArrayBuilder, Components, ObjectBuilder, Schema};
use utoipa::openapi::{Ref, RefOr, Response, ResponseBuilder};
use utoipa::{PartialSchema as _, ToSchema};

use crate::examples::REQUEST_ID;
use crate::gateway;
use crate::parameters::header;

/// A kind of error.
pub(crate) struct ErrorKind {
    pub(crate) code: String,
    pub(crate) status: String,
    title: String,
    /// When it occurs.
    when: &'static str,
    /// The problem details.
    example: Value,
}

/// Returns every kind of error, ordered by status.
pub(crate) fn all() -> Vec<ErrorKind> {
    let seconds = Duration::from_secs;
    let mood = FieldError { field: "mood", rule: "must be a number from 1.0 to 10.0" };
    let errors = [
        (Error::Malformed("The body must be valid JSON."), "The body is not JSON, or not an object."),
        (
            Error::Unauthenticated("There is no Authorization header."),
            "There is no bearer token, or its session is over. Sign in.",
        ),
        (
            Error::WrongCredentials,
            "E-mail address and password do not belong together, or there is no such account; the two are not told apart.",
        ),
        (Error::Forbidden, "The path, the query or the body names another user."),
        (
            Error::NotFound("entry"),
            "There is no such thing, or it belongs to another user; the two are not told apart.",
        ),
        (Error::EmailTaken, "The e-mail address has an account already."),
        (
            Error::PreconditionFailed,
            "The entry is another version than the one of the `If-Match`. Read it again and send the change with its new `ETag`.",
        ),
        (Error::TooLarge { limit: 524_288 }, "The body exceeds 524,288 bytes."),
        (
            Error::UnsupportedMediaType("The body must be application/json."),
            "The body is not `application/json`, or is compressed. A body without a `Content-Type` is taken for JSON.",
        ),
        (Error::Invalid(vec![mood]), "Well-formed, but some fields break their rule. All of them are listed."),
        (
            Error::IdempotencyKeyReused,
            "The `Idempotency-Key` was used with another request within 24 hours. Use a new one.",
        ),
        (Error::RateLimited { retry_after: seconds(840) }, "Too many attempts. Wait for `Retry-After` seconds."),
        (Error::internal("a defect"), "A defect of ours; it is in the log under the request id."),
        (
            Error::unavailable("the database is away"),
            "Something that the answer needs is away. Try again after `Retry-After` seconds.",
        ),
    ];
    errors.iter().filter_map(|(error, when)| ErrorKind::new(error, when)).collect()
}

impl ErrorKind {
    fn new(error: &Error, when: &'static str) -> Option<Self> {
        let example = serde_json::to_value(Problem::new(error, REQUEST_ID, &[])).ok()?;
        let text = |member: &str| example.get(member)?.as_str().map(str::to_owned);
        let status = example.get("status")?.to_string();
        Some(Self { code: text("code")?, status, title: text("title")?, when, example })
    }

    fn example_with_resources(&self) -> Value {
        let mut example = self.example.clone();
        if let Some(members) = example.as_object_mut() {
            members.insert("resources".to_owned(), json!(resources(None)));
        }
        example
    }
}

/// Adds the schemas of errors, and an example and a response for each kind.
pub(crate) fn add(components: &mut Components) {
    let kinds = all();
    let mut schemas = vec![
        (Problem::name().into(), problem(&kinds)),
        (PROBLEM_WITH_RESOURCES.to_owned(), problem_with_resources().into()),
    ];
    Problem::schemas(&mut schemas);
    components.schemas.extend(schemas);
    for kind in &kinds {
        let example = ExampleBuilder::new().summary(&kind.title).description(kind.when);
        let example = example.value(Some(kind.example.clone())).build();
        components.examples.insert(kind.code.clone(), example.into());
        components.responses.insert(kind.code.clone(), inline_response(&[kind], false).into());
    }
}

/// Returns the response for the errors of one status. With resources, each error names places to
/// turn to.
pub(crate) fn response(kinds: &[&ErrorKind], with_resources: bool) -> RefOr<Response> {
    match kinds {
        [kind] if !with_resources => Ref::from_response_name(&kind.code).into(),
        _ => inline_response(kinds, with_resources).into(),
    }
}

fn inline_response(kinds: &[&ErrorKind], with_resources: bool) -> Response {
    let descriptions: Vec<_> = kinds.iter().map(|kind| format!("`{}`: {}", kind.code, kind.when)).collect();
    let status = kinds.first().map(|kind| kind.status.as_str()).unwrap_or_default();
    let mut response = ResponseBuilder::new()
        .description(descriptions.join("\n\n"))
        .content("application/problem+json", content(kinds, with_resources));
    if let Some(message) = gateway::content(status) {
        response = response.content("application/json", message);
    }
    let mut response = response.build();
    for name in headers(status) {
        response.headers.insert((*name).to_owned(), header(name));
    }
    response
}

/// Returns the headers that errors of a status have.
pub(crate) fn headers(status: &str) -> &'static [&'static str] {
    match status {
        "401" => &["WWW-Authenticate"],
        "429" | "503" => &["Retry-After"],
        _ => &[],
    }
}

/// Returns the problem details of errors, with an example of each.
pub(crate) fn content(kinds: &[&ErrorKind], with_resources: bool) -> Content {
    let schema = if with_resources { PROBLEM_WITH_RESOURCES.into() } else { Problem::name() };
    let example = |kind: &ErrorKind| -> RefOr<Example> {
        match with_resources {
            true => ExampleBuilder::new().summary(&kind.title).value(Some(kind.example_with_resources())).into(),
            false => RefOr::Ref(Ref::new(format!("#/components/examples/{}", kind.code))),
        }
    };
    ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(schema)))
        .examples_from_iter(kinds.iter().map(|kind| (kind.code.as_str(), example(kind))))
        .build()
}

/// Returns the schema of problem details, with all codes.
fn problem(kinds: &[ErrorKind]) -> RefOr<Schema> {
    let mut schema = Problem::schema();
    if let RefOr::T(Schema::Object(problem)) = &mut schema
        && let Some(RefOr::T(Schema::Object(code))) = problem.properties.get_mut("code")
    {
        code.enum_values = Some(kinds.iter().map(|kind| kind.code.as_str().into()).collect());
    }
    schema
}

const PROBLEM_WITH_RESOURCES: &str = "ProblemWithResources";

fn problem_with_resources() -> Schema {
    let resources =
        ArrayBuilder::new().items(Ref::from_schema_name(Resource::name())).description(Some("Places to turn to."));
    let object = ObjectBuilder::new().property("resources", resources).required("resources");
    AllOfBuilder::new()
        .item(Ref::from_schema_name(Problem::name()))
        .item(object)
        .description(Some("An error of the chat. Whatever goes wrong, a person in need learns where to turn to."))
        .into()
}
