//! The responses of the baselines.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Response};
use lambda_http::Body;

/// Returns a response with a small JSON document that is always the same.
pub fn constant() -> Response<Body> {
    json(r#"{"status":"healthy"}"#.to_owned())
}

/// Returns a response with a JSON document as text.
pub fn json(body: String) -> Response<Body> {
    let mut response = Response::new(Body::Text(body));
    set_content_type(response.headers_mut());
    response
}

/// Returns a response with a gzipped JSON document. The runtime encodes the body in base64 because
/// of the `content-encoding` header.
pub fn gzipped(body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::Binary(body));
    set_content_type(response.headers_mut());
    response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    response
}

fn set_content_type(headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
}
