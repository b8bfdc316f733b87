//! What every error looks like, from the very values that the functions fail with.

use std::time::Duration;

use serde_json::Value;
use shared::error::{Error, FieldError};
use shared::http::Problem;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::schema::{ComponentsBuilder, Schema};
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{PartialSchema as _, ToSchema as _};

use super::REQUEST_ID;
use super::chat::ProblemWithResources;

/// An error as a client meets it.
pub(super) struct Known {
    pub(super) code: String,
    pub(super) status: String,
    title: String,
    /// When it comes, for the reader of the document.
    when: &'static str,
    example: Value,
}

/// Every error there is, in the order of their statuses.
pub(super) fn known() -> Vec<Known> {
    let wait = |seconds| Duration::from_secs(seconds);
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
        (Error::RateLimited { retry_after: wait(840) }, "Too many attempts. Wait for `Retry-After` seconds."),
        (Error::internal("a defect"), "A defect of ours; it is in the log under the request id."),
        (
            Error::unavailable("the database is away"),
            "Something that the answer needs is away. Try again after `Retry-After` seconds.",
        ),
    ];
    errors.iter().filter_map(|(error, when)| Known::new(error, when)).collect()
}

impl Known {
    fn new(error: &Error, when: &'static str) -> Option<Self> {
        let example = serde_json::to_value(Problem::new(error, REQUEST_ID, &[])).ok()?;
        let text = |member: &str| example.get(member)?.as_str().map(str::to_owned);
        let status = example.get("status")?.to_string();
        Some(Self { code: text("code")?, status, title: text("title")?, when, example })
    }

    fn description(&self) -> String {
        format!("`{}`: {}", self.code, self.when)
    }
}

/// The schema of problem details with all codes, an example for each, and a response for each.
pub(super) fn components(components: ComponentsBuilder) -> ComponentsBuilder {
    let known = known();
    let mut schema = Problem::schema();
    if let RefOr::T(Schema::Object(problem)) = &mut schema
        && let Some(RefOr::T(Schema::Object(code))) = problem.properties.get_mut("code")
    {
        code.enum_values = Some(known.iter().map(|known| known.code.as_str().into()).collect());
    }
    let mut schemas = Vec::new();
    Problem::schemas(&mut schemas);
    let mut components = components.schemas_from_iter(schemas).schema("Problem", schema);
    for known in &known {
        let example = ExampleBuilder::new().summary(&known.title).description(known.when);
        components = components
            .example(&known.code, example.value(Some(known.example.clone())).build())
            .response(&known.code, response(std::slice::from_ref(&known), false));
    }
    components.response("throttled", throttled()).response("unrouted", unrouted())
}

/// The answer for errors of one status.
pub(super) fn answer(errors: &[&Known], with_resources: bool) -> RefOr<Response> {
    match errors {
        [known] if !with_resources => RefOr::Ref(Ref::from_response_name(&known.code)),
        _ => RefOr::T(response(errors, with_resources)),
    }
}

fn response(errors: &[&Known], with_resources: bool) -> Response {
    let description: Vec<_> = errors.iter().map(|known| known.description()).collect();
    let status = errors.first().map(|known| known.status.as_str()).unwrap_or_default();
    let mut response =
        described(&description.join("\n\n")).content("application/problem+json", content(errors, with_resources));
    if let Some(message) = gateway(status) {
        response = response.content("application/json", message);
    }
    match status {
        "401" => response.header_ref("WWW-Authenticate", header("WWW-Authenticate")).build(),
        "429" | "503" => response.header_ref("Retry-After", header("Retry-After")).build(),
        _ => response.build(),
    }
}

fn content(errors: &[&Known], with_resources: bool) -> Content {
    if with_resources {
        let with = |known: &Known| {
            ExampleBuilder::new().summary(&known.title).value(Some(ProblemWithResources::of(&known.example)))
        };
        return ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("ProblemWithResources")))
            .examples_from_iter(errors.iter().map(|known| (known.code.as_str(), with(known))))
            .build();
    }
    let example = |known: &Known| RefOr::Ref(Ref::new(format!("#/components/examples/{}", known.code)));
    ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .examples_from_iter(errors.iter().map(|known| (known.code.as_str(), example(known))))
        .build()
}

/// What API Gateway answers by itself with a status, before or instead of a function.
pub(super) fn gateway(status: &str) -> Option<Content> {
    let message = match status {
        "404" => "Not Found",
        "413" => "Request Entity Too Large",
        "429" => "Too Many Requests",
        "500" => "Internal Server Error",
        "503" => "Service Unavailable",
        _ => return None,
    };
    let example =
        ExampleBuilder::new().summary("From API Gateway").value(Some(serde_json::json!({"message": message})));
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("GatewayMessage")));
    Some(content.examples_from_iter([("gateway", example)]).build())
}

/// A route of which too much is asked at once.
fn throttled() -> Response {
    let response = described("The API takes no more requests at the moment. This is API Gateway's own answer.");
    gateway("429").into_iter().fold(response, |response, content| response.content("application/json", content)).build()
}

/// A path that is none of the API's: what should be one part of it may be two, or none.
fn unrouted() -> Response {
    let response = described("The path leads nowhere. This is API Gateway's own answer.");
    gateway("404").into_iter().fold(response, |response, content| response.content("application/json", content)).build()
}

fn described(text: &str) -> ResponseBuilder {
    ResponseBuilder::new().description(text)
}

pub(super) fn header(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}
