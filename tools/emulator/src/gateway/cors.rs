//! Cross-origin requests (CORS). If the API configures CORS, the gateway responds to preflight
//! requests and replaces the function's own CORS headers.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    ORIGIN,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::Full;

use super::response::Response;
use crate::template::Cors;

/// Returns the response to a preflight request, or `None` for an ordinary `OPTIONS` request. A
/// preflight request does not reach a function.
pub(super) fn preflight(cors: &Cors, request: &HeaderMap) -> Option<Response> {
    request.get(ACCESS_CONTROL_REQUEST_METHOD)?;
    let origin = request.get(ORIGIN)?;
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    if let Some(allowed) = allowed_origin(cors, origin) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        set_header(headers, ACCESS_CONTROL_ALLOW_METHODS, &cors.allow_methods.join(","));
        set_header(headers, ACCESS_CONTROL_ALLOW_HEADERS, &cors.allow_headers.join(","));
        set_header(headers, ACCESS_CONTROL_EXPOSE_HEADERS, &cors.expose_headers.join(","));
        set_header(
            headers,
            ACCESS_CONTROL_MAX_AGE,
            &cors.max_age.map(|age| age.as_secs().to_string()).unwrap_or_default(),
        );
        set_header(headers, ACCESS_CONTROL_ALLOW_CREDENTIALS, if cors.allow_credentials { "true" } else { "" });
    }
    Some(response)
}

/// Replaces the function's cross-origin headers with those that the API configures.
pub(super) fn replace_headers(cors: &Cors, request: &HeaderMap, headers: &mut HeaderMap) {
    let own: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with("access-control-")).cloned().collect();
    for name in own {
        headers.remove(name);
    }
    if let Some(allowed) = request.get(ORIGIN).and_then(|origin| allowed_origin(cors, origin)) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        set_header(headers, ACCESS_CONTROL_EXPOSE_HEADERS, &cors.expose_headers.join(","));
        set_header(headers, ACCESS_CONTROL_ALLOW_CREDENTIALS, if cors.allow_credentials { "true" } else { "" });
    }
}

/// Returns the value of `Access-Control-Allow-Origin`, or `None` if the origin is not allowed. An
/// allowed origin such as `https://*` matches every origin of the scheme.
fn allowed_origin(cors: &Cors, origin: &HeaderValue) -> Option<HeaderValue> {
    let text = origin.to_str().ok()?;
    if cors.allow_origins.iter().any(|allowed| allowed == "*") {
        return Some(HeaderValue::from_static("*"));
    }
    let matches = |allowed: &String| match allowed.strip_suffix('*') {
        Some(prefix) => text.starts_with(prefix),
        None => allowed.eq_ignore_ascii_case(text),
    };
    cors.allow_origins.iter().any(matches).then(|| origin.clone())
}

fn set_header(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Some(value) = HeaderValue::from_str(value).ok().filter(|value| !value.is_empty()) {
        headers.insert(name, value);
    }
}
