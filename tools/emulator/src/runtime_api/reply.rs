//! Answers of the runtime API.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use super::Reply;
use crate::invocation::{Event, MAX_RESPONSE_BYTES};

pub(super) fn accepted() -> Reply {
    document(StatusCode::ACCEPTED, &json!({"status": "OK"}))
}

pub(super) fn error(status: StatusCode, error_type: &str, message: &str) -> Reply {
    document(status, &json!({"errorMessage": message, "errorType": error_type}))
}

pub(super) fn invalid_request_id() -> Reply {
    error(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
}

pub(super) fn too_large() -> Reply {
    let message = format!("Exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes).");
    error(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message)
}

pub(super) fn wrong_state(from: &str, into: &str) -> Reply {
    let message =
        format!("State transition from {from} to {into} failed for runtime. Error: State transition is not allowed");
    error(StatusCode::FORBIDDEN, "InvalidStateTransition", &message)
}

/// An event for the runtime of the function with this ARN.
pub(super) fn event(event: &Event, arn: &str) -> Reply {
    let mut reply = Response::new(Full::new(event.payload.clone()));
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (HeaderName::from_static("lambda-runtime-aws-request-id"), &event.request_id),
        (HeaderName::from_static("lambda-runtime-deadline-ms"), &event.deadline.to_string()),
        (HeaderName::from_static("lambda-runtime-invoked-function-arn"), arn),
        (HeaderName::from_static("lambda-runtime-trace-id"), &event.trace),
    ];
    for (name, value) in headers {
        reply.headers_mut().extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
    }
    reply
}

pub(super) fn text(status: StatusCode, text: &'static str) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *reply.status_mut() = status;
    reply
}

pub(super) fn document(status: StatusCode, value: &Value) -> Reply {
    let mut reply = Response::new(Full::new(value.to_string().into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}
