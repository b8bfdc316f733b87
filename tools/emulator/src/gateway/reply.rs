//! What a function returns, as the answer that a client receives.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::Value;

use super::Reply;
use super::event::HOP_BY_HOP;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Returned {
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

/// An answer of the gateway's own.
pub(super) fn refuse(status: StatusCode, message: &str) -> Reply {
    let body = format!(r#"{{"message":"{message}"}}"#);
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

/// Anything without a `statusCode` is a body, even what is not JSON (so AWS's own test tool for Lambda found:
/// `InvokeResponseExtensions.cs` in <https://github.com/aws/aws-lambda-dotnet>); anything malformed with one is an error.
pub(super) fn from_function(payload: &Bytes) -> Reply {
    let has_status = serde_json::from_slice::<Value>(payload).is_ok_and(|value| value.get("statusCode").is_some());
    if !has_status {
        let mut reply = Response::new(Full::new(payload.clone()));
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        return reply;
    }
    serde_json::from_slice(payload)
        .ok()
        .and_then(reply)
        .unwrap_or_else(|| refuse(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"))
}

/// `None` where a part of it is not valid HTTP.
fn reply(returned: Returned) -> Option<Reply> {
    let status =
        StatusCode::from_u16(returned.status_code).ok().filter(|status| (200..600).contains(&status.as_u16()))?;
    let body = returned.body.unwrap_or_default();
    let body: Bytes = match returned.is_base64_encoded {
        Some(true) => STANDARD.decode(body).ok()?.into(),
        _ => body.into(),
    };
    let has_body = !body.is_empty();
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    for (name, value) in returned.headers.unwrap_or_default() {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let value = match value {
            Value::String(text) => text,
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return None,
        };
        let value = HeaderValue::from_str(&value).ok()?;
        // The length is the gateway's to say, and so is what happens on the connection.
        if name != CONTENT_LENGTH && !HOP_BY_HOP.contains(&name.as_str()) {
            reply.headers_mut().insert(name, value);
        }
    }
    for cookie in returned.cookies.unwrap_or_default() {
        reply.headers_mut().append(SET_COOKIE, HeaderValue::from_str(&cookie).ok()?);
    }
    if has_body && !reply.headers().contains_key(CONTENT_TYPE) {
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=UTF-8"));
    }
    Some(reply)
}
