//! Responses of the Runtime API.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::invocation::{Event, MAX_RESPONSE_BYTES};

pub(super) type Response = http::Response<Full<Bytes>>;

/// Creates the response that delivers an event to the runtime of the function with this ARN.
pub(super) fn event(event: &Event, arn: &str) -> Response {
    let mut response = Response::new(Full::new(event.payload.clone()));
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (HeaderName::from_static("lambda-runtime-aws-request-id"), &event.request_id),
        (HeaderName::from_static("lambda-runtime-deadline-ms"), &event.deadline.to_string()),
        (HeaderName::from_static("lambda-runtime-invoked-function-arn"), arn),
        (HeaderName::from_static("lambda-runtime-trace-id"), &event.trace),
    ];
    for (name, value) in headers {
        response.headers_mut().extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
    }
    response
}

pub(super) fn accepted() -> Response {
    json(StatusCode::ACCEPTED, &json!({"status": "OK"}))
}

pub(super) fn invalid_request_id() -> Response {
    error(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
}

pub(super) fn too_large() -> Response {
    let message = format!("Exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes).");
    error(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message)
}

pub(super) fn wrong_state(from: &str, into: &str) -> Response {
    let message =
        format!("State transition from {from} to {into} failed for runtime. Error: State transition is not allowed");
    error(StatusCode::FORBIDDEN, "InvalidStateTransition", &message)
}

pub(super) fn internal_error() -> Response {
    error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "Internal Server Error")
}

pub(super) fn error(status: StatusCode, error_type: &str, message: &str) -> Response {
    json(status, &json!({"errorMessage": message, "errorType": error_type}))
}

pub(super) fn json(status: StatusCode, value: &Value) -> Response {
    let mut response = Response::new(Full::new(value.to_string().into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub(super) fn text(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}
