//! What a handler answers, and how it becomes a response.

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

/// When a client may ask again for something that is away.
const RETRY: Duration = Duration::from_secs(2);
/// Lambda answers with at most 6 MB (6,291,456 bytes), of which some are headers.
const TEXT_LIMIT: usize = 6_200_000;
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// An answer: a status, a document, and who may keep it.
#[derive(Debug)]
pub struct Response {
    status: StatusCode,
    content_type: HeaderValue,
    document: EncodedBody,
    cache_policy: CachePolicy,
    retry_after: Option<Duration>,
    /// What a browser may load and run for a page.
    policy: Option<HeaderValue>,
}

/// Who may keep an answer, and ask again with `If-None-Match`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CachePolicy {
    NoStore,
    /// Whoever it was made for, asking each time.
    Private,
    /// Everybody, and what stands between: it is the same for all, and may be five minutes old.
    Public,
}

impl Response {
    /// A document that the client may keep and revalidate.
    pub fn cacheable(document: EncodedBody) -> Self {
        Self { cache_policy: CachePolicy::Private, ..Self::new(StatusCode::OK, document) }
    }

    /// A JSON document that is the same for everybody.
    pub fn public(document: EncodedBody) -> Self {
        Self { cache_policy: CachePolicy::Public, ..Self::new(StatusCode::OK, document) }
    }

    /// An HTML page that is the same for everybody, with its `Content-Security-Policy`.
    pub fn page(document: EncodedBody, policy: &'static str) -> Self {
        let policy = Some(HeaderValue::from_static(policy));
        Self { content_type: HTML, policy, ..Self::public(document) }
    }

    /// 200 with a value that nobody may keep.
    ///
    /// # Errors
    /// [`Error::Internal`] when the value cannot be serialised.
    pub fn ok(value: &impl Serialize) -> Result<Self> {
        Self::with_status(StatusCode::OK, value)
    }

    /// 201 with the thing that was made.
    ///
    /// # Errors
    /// [`Error::Internal`] when the value cannot be serialised.
    pub fn created(value: &impl Serialize) -> Result<Self> {
        Self::with_status(StatusCode::CREATED, value)
    }

    /// 200, or 503 when the service cannot do its work.
    ///
    /// # Errors
    /// [`Error::Internal`] when the value cannot be serialised.
    pub fn health(value: &impl Serialize, able: bool) -> Result<Self> {
        let reply = Self::ok(value)?;
        if able {
            Ok(reply)
        } else {
            Ok(Self { status: StatusCode::SERVICE_UNAVAILABLE, retry_after: Some(RETRY), ..reply })
        }
    }

    /// 204: done, and nothing to tell.
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

    /// Problem details, and for somebody who came in a crisis whom else they can turn to.
    pub(crate) fn problem(error: &Error, request_id: &str, resources: &[Resource]) -> Self {
        let retry_after = match error {
            Error::RateLimited { retry_after } | Error::Unavailable { retry_after, .. } => Some(*retry_after),
            _ => None,
        };
        let document =
            EncodedBody::new(&Problem::new(error, request_id, resources)).unwrap_or_else(|_| EncodedBody::empty());
        Self { content_type: PROBLEM, retry_after, ..Self::new(describe(error).0.status, document) }
    }

    /// The response for this request, with the headers that every answer carries; and the size of its body.
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
            // Serialised by us, so it is UTF-8; as text it needs no base64.
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
        // Not with an error: to whoever is not signed in it would tell whether somebody else has just read or written.
        let succeeded = self.status.is_success();
        if let Some(outcome) = facts.metrics.outcome().filter(|_| succeeded) {
            set(HeaderName::from_static("x-cache"), HeaderValue::from_static(outcome.as_str()));
        }
        (response, length)
    }
}

/// What an answer's headers tell of the request and of how it went.
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

/// The body in the encoding that the client asks for, unless Lambda could not carry it: then compressed in any case, because a page
/// that has to be unpacked by hand is better than none.
fn portable(document: EncodedBody, accepts_gzip: bool) -> (Vec<u8>, bool) {
    if accepts_gzip {
        return document.into_body(true);
    }
    let (body, gzipped) = document.clone().into_body(false);
    // As text in a JSON event, each of these takes another byte.
    let escapes = || body.iter().filter(|byte| matches!(byte, b'"' | b'\\')).count();
    if body.len() + escapes() > TEXT_LIMIT { document.into_body(true) } else { (body, gzipped) }
}

/// A header's value made of our own words; anything else would be dropped rather than sent.
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
    fn a_large_body_is_compressed_only_for_those_who_accept_it() {
        let metrics = RequestMetrics::default();
        let document = EncodedBody::new(&"long ".repeat(500)).unwrap();
        let (packed, length) = Response::cacheable(document.clone()).into_response(&facts(&metrics, None, true));
        assert!(length < 500 && packed.headers()["content-encoding"] == "gzip");
        assert!(matches!(packed.body(), Body::Binary(_)));
        let (plain, length) = Response::cacheable(document).into_response(&facts(&metrics, None, false));
        assert!(length > 2500 && !plain.headers().contains_key("content-encoding"));
    }

    #[test]
    fn a_known_tag_is_answered_304_with_the_same_tag_and_no_body() {
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
    fn what_is_the_same_for_everybody_may_be_kept_by_everybody() {
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
    fn what_is_not_for_keeping_is_never_304() {
        let metrics = RequestMetrics::default();
        let (response, _) = Response::ok(&"text").unwrap().into_response(&facts(&metrics, Some("*"), true));
        assert_eq!(
            (response.status(), &response.headers()["cache-control"]),
            (StatusCode::OK, &"no-store".parse().unwrap())
        );
    }

    #[test]
    fn every_answer_carries_its_id_its_time_and_no_guessing_of_types() {
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
    fn a_client_is_told_when_to_come_back_and_how_to_sign_in() {
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
