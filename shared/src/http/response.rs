//! The result of a handler, and its conversion to an HTTP response.

use std::time::Duration;

use domain::error::{Error, Result};
use encoded_body::EncodedBody;
use http::StatusCode;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, RETRY_AFTER,
    VARY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use lambda_http::Body;
use metrics::RequestMetrics;
use safety::Resource;
use serde::Serialize;

use super::errors::describe;
use super::problem::Problem;

/// The time after which a client may retry if the service is unavailable.
const RETRY: Duration = Duration::from_secs(2);
/// The largest body that is sent as text, in bytes. Lambda's limit for a response is 6 MB
/// (6,291,456 bytes), including headers.
const TEXT_LIMIT: usize = 6_200_000;
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A response of a handler: status, body and cache policy.
#[derive(Debug)]
pub struct Response {
    status: StatusCode,
    content_type: HeaderValue,
    document: EncodedBody,
    cache_policy: CachePolicy,
    retry_after: Option<Duration>,
    /// The `Content-Security-Policy` of a page.
    policy: Option<HeaderValue>,
}

/// The clients that may cache a response, and revalidate it with `If-None-Match`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CachePolicy {
    NoStore,
    /// Only the client itself may cache it, and must revalidate it each time.
    Private,
    /// All clients and proxies may cache it for five minutes, because it is the same for every
    /// client.
    Public,
}

impl Response {
    /// Returns a 200 response with a body that the client may cache, and must revalidate.
    pub fn cacheable(document: EncodedBody) -> Self {
        Self { cache_policy: CachePolicy::Private, ..Self::new(StatusCode::OK, document) }
    }

    /// Returns a 200 response with a JSON document that is the same for every client.
    pub fn public(document: EncodedBody) -> Self {
        Self { cache_policy: CachePolicy::Public, ..Self::new(StatusCode::OK, document) }
    }

    /// Returns a 200 response with an HTML page that is the same for every client, and its
    /// `Content-Security-Policy`.
    pub fn page(document: EncodedBody, policy: &'static str) -> Self {
        let policy = Some(HeaderValue::from_static(policy));
        Self { content_type: HTML, policy, ..Self::public(document) }
    }

    /// Returns a 200 response with a value as JSON that must not be cached.
    ///
    /// # Errors
    /// Returns [`Error::Internal`] if the value cannot be serialized.
    pub fn ok(value: &impl Serialize) -> Result<Self> {
        Self::with_status(StatusCode::OK, value)
    }

    /// Returns a 201 response with the created resource as JSON.
    ///
    /// # Errors
    /// Returns [`Error::Internal`] if the value cannot be serialized.
    pub fn created(value: &impl Serialize) -> Result<Self> {
        Self::with_status(StatusCode::CREATED, value)
    }

    /// Returns a response with the state of the service: 200, or 503 if it is not `able` to serve
    /// requests.
    ///
    /// # Errors
    /// Returns [`Error::Internal`] if the value cannot be serialized.
    pub fn health(value: &impl Serialize, able: bool) -> Result<Self> {
        let reply = Self::ok(value)?;
        if able {
            Ok(reply)
        } else {
            Ok(Self { status: StatusCode::SERVICE_UNAVAILABLE, retry_after: Some(RETRY), ..reply })
        }
    }

    /// Returns a 204 response without a body.
    pub fn no_content() -> Self {
        Self::new(StatusCode::NO_CONTENT, EncodedBody::empty())
    }

    fn with_status(status: StatusCode, value: &impl Serialize) -> Result<Self> {
        Ok(Self::new(status, EncodedBody::new(value).map_err(Error::internal)?))
    }

    fn new(status: StatusCode, document: EncodedBody) -> Self {
        Self {
            status,
            content_type: JSON,
            document,
            cache_policy: CachePolicy::NoStore,
            retry_after: None,
            policy: None,
        }
    }

    /// Returns the response of an error. `resources` are the crisis services in errors of the chat.
    pub(crate) fn problem(error: &Error, request_id: &str, resources: &[Resource]) -> Self {
        let retry_after = match error {
            Error::RateLimited { retry_after } | Error::Unavailable { retry_after, .. } => Some(*retry_after),
            _ => None,
        };
        let document =
            EncodedBody::new(&Problem::new(error, request_id, resources)).unwrap_or_else(|_| EncodedBody::empty());
        Self { content_type: PROBLEM, retry_after, ..Self::new(describe(error).0.status, document) }
    }

    /// Returns the HTTP response with the headers of every response, and the size of its body in
    /// bytes.
    pub(crate) fn into_response(self, facts: &ResponseContext<'_>) -> (http::Response<Body>, usize) {
        let etag = self.document.etag();
        let kept = self.cache_policy != CachePolicy::NoStore;
        let not_modified = kept && facts.if_none_match.is_some_and(|tags| self.document.has_tag(tags));
        let (body, gzipped) =
            if not_modified { (Vec::new(), false) } else { portable(self.document, facts.accepts_gzip) };
        let length = body.len();
        let mut response = http::Response::new(if not_modified {
            Body::Empty
        } else if gzipped {
            Body::Binary(body)
        } else {
            // The body is always UTF-8. As text it needs no base64.
            String::from_utf8(body).map_or(Body::Empty, Body::Text)
        });
        *response.status_mut() = if not_modified { StatusCode::NOT_MODIFIED } else { self.status };
        let unauthenticated = self.status == StatusCode::UNAUTHORIZED;
        let headers = response.headers_mut();
        let mut set = |name: HeaderName, value: HeaderValue| drop(headers.insert(name, value));
        let (cache_control, vary) = match self.cache_policy {
            CachePolicy::NoStore => ("no-store", None),
            CachePolicy::Private => ("private, no-cache", Some("Accept-Encoding, Authorization")),
            CachePolicy::Public => ("public, max-age=300", Some("Accept-Encoding")),
        };
        set(CACHE_CONTROL, HeaderValue::from_static(cache_control));
        if let Some(vary) = vary {
            set(VARY, HeaderValue::from_static(vary));
            set(ETAG, text(&etag));
        }
        if let Some(policy) = self.policy {
            set(CONTENT_SECURITY_POLICY, policy);
        }
        if !not_modified && self.status != StatusCode::NO_CONTENT {
            set(CONTENT_TYPE, self.content_type);
        }
        if gzipped {
            set(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if let Some(wait) = self.retry_after {
            set(RETRY_AFTER, text(&wait.as_secs().max(1).to_string()));
        }
        if unauthenticated {
            set(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        set(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        set(HeaderName::from_static("x-request-id"), text(facts.request_id));
        set(HeaderName::from_static("x-response-time"), text(&format!("{:.4}s", facts.took.as_secs_f64())));
        set(HeaderName::from_static("server-timing"), text(&facts.server_timing()));
        // Omitted from errors, because it would reveal to a client that is not signed in whether
        // another user has just read or written.
        let succeeded = self.status.is_success();
        if let Some(outcome) = facts.metrics.outcome().filter(|_| succeeded) {
            set(HeaderName::from_static("x-cache"), HeaderValue::from_static(outcome.as_str()));
        }
        (response, length)
    }
}

/// The facts about the request that the response's headers contain.
pub(crate) struct ResponseContext<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) if_none_match: Option<&'a str>,
    pub(crate) accepts_gzip: bool,
    pub(crate) took: Duration,
    pub(crate) metrics: &'a RequestMetrics,
}

impl ResponseContext<'_> {
    fn server_timing(&self) -> String {
        let ms = |duration: Duration| format!("{}.{:03}", duration.as_micros() / 1000, duration.as_micros() % 1000);
        let (cache, db) = (ms(self.metrics.cache_time()), ms(self.metrics.db_time()));
        let llm = Some(self.metrics.llm_time()).filter(|time| !time.is_zero());
        let llm = llm.map(|time| format!("llm;dur={}, ", ms(time))).unwrap_or_default();
        format!("cache;dur={cache}, db;dur={db}, {llm}total;dur={}", ms(self.took))
    }
}

/// Returns the body in an encoding that the client accepts, and whether it is compressed.
///
/// A body that would exceed Lambda's limit is compressed in any case, because a page that must be
/// decompressed by hand is better than none.
fn portable(document: EncodedBody, accepts_gzip: bool) -> (Vec<u8>, bool) {
    if accepts_gzip {
        return document.into_body(true);
    }
    let (body, gzipped) = document.clone().into_body(false);
    // In a JSON event, each of these characters takes two bytes.
    let escapes = || body.iter().filter(|byte| matches!(byte, b'"' | b'\\')).count();
    if body.len() + escapes() > TEXT_LIMIT { document.into_body(true) } else { (body, gzipped) }
}

/// Converts a text to the value of a header. A text with invalid characters, which the service
/// itself never sends, becomes empty.
fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts<'a>(
        metrics: &'a RequestMetrics,
        if_none_match: Option<&'a str>,
        accepts_gzip: bool,
    ) -> ResponseContext<'a> {
        ResponseContext { request_id: "r-1", if_none_match, accepts_gzip, took: Duration::from_micros(23_400), metrics }
    }

    #[test]
    fn a_large_body_is_compressed_only_if_the_client_accepts_gzip() {
        let metrics = RequestMetrics::default();
        let document = EncodedBody::new(&"long ".repeat(500)).unwrap();
        let (packed, length) = Response::cacheable(document.clone()).into_response(&facts(&metrics, None, true));
        assert!(length < 500 && packed.headers()["content-encoding"] == "gzip");
        assert!(matches!(packed.body(), Body::Binary(_)));
        let (plain, length) = Response::cacheable(document).into_response(&facts(&metrics, None, false));
        assert!(length > 2500 && !plain.headers().contains_key("content-encoding"));
    }

    #[test]
    fn a_known_tag_gets_304_with_the_same_tag_and_no_body() {
        let metrics = RequestMetrics::default();
        let document = EncodedBody::new(&"text").unwrap();
        let etag = document.etag();
        let strong = etag.trim_start_matches("W/").to_owned();
        for known in [etag.clone(), strong, format!("\"x\", {etag}"), "*".to_owned()] {
            let (response, length) =
                Response::cacheable(document.clone()).into_response(&facts(&metrics, Some(&known), true));
            assert_eq!((response.status(), length), (StatusCode::NOT_MODIFIED, 0), "{known}");
            assert_eq!(response.headers()["etag"], etag.as_str());
        }
        let (response, _) = Response::cacheable(document).into_response(&facts(&metrics, Some("\"other\""), true));
        assert_eq!(response.status(), StatusCode::OK);
    }

    #[test]
    fn a_public_response_may_be_cached_by_every_client() {
        let metrics = RequestMetrics::default();
        let document = EncodedBody::from_gzip(encoded_body::gzip::gzip(b"<p>page</p>").unwrap());
        let etag = document.etag();
        let page = Response::page(document, "default-src 'none'");
        let (response, _) = page.into_response(&facts(&metrics, None, false));
        assert!(matches!(response.body(), Body::Text(text) if text == "<p>page</p>"));
        let headers = response.headers();
        assert_eq!(headers["content-type"], "text/html; charset=utf-8");
        assert_eq!(
            (&headers["cache-control"], &headers["vary"]),
            (&"public, max-age=300".parse().unwrap(), &"Accept-Encoding".parse().unwrap())
        );
        assert_eq!(
            (headers["etag"].to_str().unwrap(), &headers["content-security-policy"]),
            (etag.as_str(), &"default-src 'none'".parse().unwrap())
        );
        let (response, _) =
            Response::public(EncodedBody::new(&"x").unwrap()).into_response(&facts(&metrics, Some("*"), true));
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn a_response_that_must_not_be_cached_is_never_304() {
        let metrics = RequestMetrics::default();
        let (response, _) = Response::ok(&"text").unwrap().into_response(&facts(&metrics, Some("*"), true));
        assert_eq!(
            (response.status(), &response.headers()["cache-control"]),
            (StatusCode::OK, &"no-store".parse().unwrap())
        );
    }

    #[test]
    fn every_response_has_its_id_its_duration_and_nosniff() {
        let metrics = RequestMetrics::default();
        let (response, _) = Response::ok(&"text").unwrap().into_response(&facts(&metrics, None, true));
        let headers = response.headers();
        assert_eq!(headers["x-response-time"], "0.0234s");
        assert_eq!(headers["server-timing"], "cache;dur=0.000, db;dur=0.000, total;dur=23.400");
        assert_eq!(
            (&headers["x-request-id"], &headers["x-content-type-options"]),
            (&"r-1".parse().unwrap(), &"nosniff".parse().unwrap())
        );
    }

    #[test]
    fn errors_have_retry_after_or_www_authenticate() {
        let metrics = RequestMetrics::default();
        let (response, _) =
            Response::problem(&Error::unavailable("x"), "r-1", &[]).into_response(&facts(&metrics, None, true));
        assert_eq!(
            (response.status(), &response.headers()["retry-after"]),
            (StatusCode::SERVICE_UNAVAILABLE, &"2".parse().unwrap())
        );
        let (response, _) =
            Response::problem(&Error::WrongCredentials, "r-1", &[]).into_response(&facts(&metrics, None, true));
        assert_eq!(
            (response.status(), &response.headers()["www-authenticate"]),
            (StatusCode::UNAUTHORIZED, &"Bearer".parse().unwrap())
        );
    }
}
