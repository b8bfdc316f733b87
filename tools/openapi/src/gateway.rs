//! The responses of API Gateway itself, before or instead of a function.

use serde_json::json;
use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::schema::{AnyOfBuilder, Components, Schema};
use utoipa::openapi::{Ref, RefOr, Response, ResponseBuilder};
use utoipa::{PartialSchema as _, ToSchema};

/// The body of an error that API Gateway itself responds with.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only the schema is used")]
pub(crate) struct GatewayMessage {
    /// The reason, such as `Not Found`.
    message: String,
}

const THROTTLED: &str = "throttled";
const UNROUTED: &str = "unrouted";

/// Adds the schema, and the responses for requests that reach no function.
pub(crate) fn add(components: &mut Components) {
    components.schemas.insert(GatewayMessage::name().into(), GatewayMessage::schema());
    let responses = [
        (THROTTLED, "429", "API Gateway receives too many requests at the moment. Try again later."),
        (UNROUTED, "404", "API Gateway has no route for this path. Check the path and its parameters."),
    ];
    for (name, status, description) in responses {
        let response = ResponseBuilder::new().description(description);
        let response = content(status)
            .into_iter()
            .fold(response, |response, content| response.content("application/json", content));
        components.responses.insert(name.to_owned(), response.build().into());
    }
}

/// Returns the response for a request that API Gateway throttles.
pub(crate) fn throttled() -> RefOr<Response> {
    Ref::from_response_name(THROTTLED).into()
}

/// Returns the response for a path that API Gateway does not know, because a path parameter is
/// empty or contains a slash.
pub(crate) fn unrouted() -> RefOr<Response> {
    Ref::from_response_name(UNROUTED).into()
}

/// Returns the content of API Gateway's own response with a status, or `None` if there is none.
pub(crate) fn content(status: &str) -> Option<Content> {
    let message = match status {
        "404" => "Not Found",
        "413" => "Request Entity Too Large",
        "429" => "Too Many Requests",
        "500" => "Internal Server Error",
        "503" => "Service Unavailable",
        _ => return None,
    };
    let example = ExampleBuilder::new().summary("From API Gateway").value(Some(json!({"message": message})));
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(GatewayMessage::name())));
    Some(content.examples_from_iter([("gateway", example)]).build())
}

/// Adds API Gateway's message to a function's own response of the same status.
pub(crate) fn extend(content: &mut Content, message: Content) {
    let mut schemas = match content.schema.take() {
        Some(RefOr::T(Schema::AnyOf(own))) => own.items,
        own => own.into_iter().collect(),
    };
    schemas.extend(message.schema);
    content.schema = Some(schemas.into_iter().fold(AnyOfBuilder::new(), AnyOfBuilder::item).into());
    content.examples.extend(message.examples);
}
