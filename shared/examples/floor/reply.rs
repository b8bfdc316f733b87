//! The least that an API answers.

use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use lambda_http::Body;

/// A small constant document, or whatever else is the body.
pub fn json(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
