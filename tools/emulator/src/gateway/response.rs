//! The response that a client receives for the result of a function.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE};
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::Value;

use super::event::HOP_BY_HOP;

pub(super) type Response = http::Response<Full<Bytes>>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionResponse {
    status_code: u16,
    #[serde(default)]
    headers: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: Option<bool>,
}

/// Creates an error response of the gateway itself.
pub(super) fn reject(status: StatusCode, message: &str) -> Response {
    let body = format!(r#"{{"message":"{message}"}}"#);
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Creates the response for the result of a function. A result without a `statusCode` becomes the
/// body, even if it is not JSON (see `InvokeResponseExtensions.cs` of AWS's own test tool for
/// Lambda in <https://github.com/aws/aws-lambda-dotnet>). A malformed result with a `statusCode` is
/// an error.
pub(super) fn from_function(payload: &Bytes) -> Response {
    let has_status = serde_json::from_slice::<Value>(payload).is_ok_and(|value| value.get("statusCode").is_some());
    if !has_status {
        let mut response = Response::new(Full::new(payload.clone()));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        return response;
    }
    serde_json::from_slice(payload)
        .ok()
        .and_then(build)
        .unwrap_or_else(|| reject(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"))
}

/// Builds the response for a result. Returns `None` if a part of the result is not valid HTTP.
fn build(result: FunctionResponse) -> Option<Response> {
    let status =
        StatusCode::from_u16(result.status_code).ok().filter(|status| (200..600).contains(&status.as_u16()))?;
    let body = result.body.unwrap_or_default();
    let body: Bytes = match result.is_base64_encoded {
        Some(true) => STANDARD.decode(body).ok()?.into(),
        _ => body.into(),
    };
    let has_body = !body.is_empty();
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    for (name, value) in result.headers.unwrap_or_default() {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let value = match value {
            Value::String(text) => text,
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return None,
        };
        let value = HeaderValue::from_str(&value).ok()?;
        // Only the gateway sets the content length and the connection headers.
        if name != CONTENT_LENGTH && !HOP_BY_HOP.contains(&name.as_str()) {
            response.headers_mut().insert(name, value);
        }
    }
    for cookie in result.cookies.unwrap_or_default() {
        response.headers_mut().append(SET_COOKIE, HeaderValue::from_str(&cookie).ok()?);
    }
    if has_body && !response.headers().contains_key(CONTENT_TYPE) {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=UTF-8"));
    }
    Some(response)
}
