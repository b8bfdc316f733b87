//! The least that an API answers.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Response};
use lambda_http::Body;

/// A small document that is always the same.
pub fn constant() -> Response<Body> {
    json(r#"{"status":"healthy"}"#.to_owned())
}

/// A document as text.
pub fn json(body: String) -> Response<Body> {
    let mut response = Response::new(Body::Text(body));
    set_type(response.headers_mut());
    response
}

/// A document as bytes, which travel in base64. It is the header that makes the runtime send them so.
pub fn packed(body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::Binary(body));
    set_type(response.headers_mut());
    response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    response
}

fn set_type(headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
}
