//! Typed parts of a request.

use std::borrow::Cow;
use std::net::IpAddr;

use domain::error::{Error, Result};
use domain::validation::{self, FieldReader};
use domain::{EntryId, IdempotencyKey, Token, UserId};
use http::header::{
    ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, IF_MATCH,
    IF_NONE_MATCH,
};
use http::{HeaderMap, HeaderName};
use lambda_http::request::RequestContext;
use lambda_http::{Body, RequestExt as _};
use safety::Country;
use secret::Secret;
use uuid::Uuid;

use super::negotiation;
use crate::config::EVERY_CLIENT;
use crate::state::AppState;

/// The largest accepted body, in bytes. An entry of 40,000 bytes fits even if every byte is
/// escaped.
pub(super) const BODY_LIMIT: usize = 512 * 1024;
/// The header with the key of `CloudFront`.
const EDGE_KEY: HeaderName = HeaderName::from_static("x-edge-key");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A request with typed accessors. Each accessor validates its part of the request.
#[derive(Debug)]
pub struct Request(lambda_http::Request);

impl Request {
    /// Wraps a request of the Lambda runtime.
    pub fn new(request: lambda_http::Request) -> Self {
        Self(request)
    }

    /// Returns the token of the `Authorization` header. Only the store verifies that the token
    /// belongs to a session.
    ///
    /// # Errors
    /// Returns [`Error::Unauthenticated`] if the header is missing or malformed.
    pub fn token(&self) -> Result<Token> {
        let header = self.header(AUTHORIZATION).ok_or(Error::Unauthenticated(
            "The Authorization header is missing. Sign in and send Authorization: Bearer <token>.",
        ))?;
        bearer(header)
            .and_then(Token::parse)
            .ok_or(Error::Unauthenticated("The Authorization header is malformed. Send Authorization: Bearer <token>."))
    }

    /// Whether the client is an operator: its bearer token is the operator key. Without a
    /// configured key, no client is an operator.
    pub fn is_operator(&self, state: &AppState) -> bool {
        let Some(key) = &state.operator_key else { return false };
        if key.expose() == EVERY_CLIENT {
            return true;
        }
        self.header(AUTHORIZATION).and_then(bearer).is_some_and(|shown| is_key(state, shown, key))
    }

    /// Returns the path parameter `user_id`.
    ///
    /// # Errors
    /// Returns [`Error::Invalid`] if it is not a UUID.
    pub fn path_user_id(&self) -> Result<UserId> {
        self.path_uuid("user_id").map(UserId)
    }

    /// Returns the path parameter `entry_id`.
    ///
    /// # Errors
    /// Returns [`Error::Invalid`] if it is not a UUID.
    pub fn path_entry_id(&self) -> Result<EntryId> {
        self.path_uuid("entry_id").map(EntryId)
    }

    fn path_uuid(&self, name: &'static str) -> Result<Uuid> {
        let parameters = self.0.path_parameters_ref();
        let text = parameters.and_then(|parameters| parameters.first(name)).unwrap_or_default();
        validation::uuid(&text.into()).map_err(|rule| Error::invalid(name, rule))
    }

    /// Returns the value of the `If-Match` header: the tags of the versions to which a change
    /// applies.
    ///
    /// # Errors
    /// Returns [`Error::Invalid`] if the value is not ASCII. If it were ignored, the change would
    /// apply to any version.
    pub fn if_match(&self) -> Result<Option<&str>> {
        let Some(value) = self.0.headers().get(IF_MATCH) else { return Ok(None) };
        value.to_str().map(Some).map_err(|_| Error::invalid("If-Match", "must be * or a list of entity tags"))
    }

    /// Returns the parameters of the query.
    pub fn query(&self) -> FieldReader {
        self.0
            .query_string_parameters_ref()
            .map_or_else(FieldReader::default, |query| FieldReader::from_query(query.iter()))
    }

    /// Returns the members of the JSON body. A body without a `Content-Type` is parsed as JSON.
    ///
    /// # Errors
    /// Returns [`Error::UnsupportedMediaType`], [`Error::TooLarge`] or [`Error::Malformed`].
    pub fn json(&self) -> Result<FieldReader> {
        let media_type = self.header(CONTENT_TYPE).unwrap_or("application/json");
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Error::UnsupportedMediaType("The Content-Type must be application/json."));
        }
        if self.header(CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
            return Err(Error::UnsupportedMediaType(
                "The body must not be compressed. Send it without a Content-Encoding.",
            ));
        }
        let body = self.body();
        if body.len() > BODY_LIMIT {
            return Err(Error::TooLarge { limit: BODY_LIMIT });
        }
        FieldReader::from_json(body)
    }

    /// Returns the `Idempotency-Key` header together with the request that it identifies: path,
    /// query, `If-Match` and body.
    ///
    /// # Errors
    /// Returns [`Error::Invalid`] if the key is not 1 to 255 visible ASCII characters.
    pub fn idempotency_key(&self, state: &AppState, endpoint: &'static str) -> Result<Option<IdempotencyKey>> {
        let Some(key) = self.0.headers().get("idempotency-key") else { return Ok(None) };
        let key = key.as_bytes();
        match std::str::from_utf8(key) {
            Ok(text) if (1..=255).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic) => {
                let path = self.0.raw_http_path().as_bytes();
                let query = self.0.uri().query().unwrap_or_default().as_bytes();
                let if_match = self.0.headers().get(IF_MATCH).map(HeaderValue::as_bytes).unwrap_or_default();
                Ok(Some(IdempotencyKey::new(&state.store, endpoint, text, &[path, query, if_match, self.body()])))
            }
            _ => Err(Error::invalid("Idempotency-Key", "must be 1 to 255 visible ASCII characters")),
        }
    }

    /// Returns the `Idempotency-Key` header of a request that ends its own session. The key is
    /// bound to the token, so that only a client with the same token can repeat the request.
    ///
    /// # Errors
    /// Returns an error in the same cases as [`idempotency_key`](Self::idempotency_key).
    pub fn last_idempotency_key(
        &self,
        state: &AppState,
        endpoint: &'static str,
        token: &Token,
    ) -> Result<Option<IdempotencyKey>> {
        Ok(self.idempotency_key(state, endpoint)?.map(|key| key.bound_to(&state.store, token)))
    }

    /// Returns the address of the client as the gateway saw it, or as `CloudFront` saw it if the
    /// request has its key. Without the key, `X-Forwarded-For` is only a claim of the client.
    pub fn source_ip(&self, state: &AppState) -> Cow<'_, str> {
        let by_the_edge = state
            .edge_key
            .as_ref()
            .is_some_and(|key| self.header(EDGE_KEY).is_some_and(|shown| is_key(state, shown, key)));
        // The last address is that of CloudFront, as the gateway saw it. CloudFront saw the one
        // before.
        let viewer = || self.header(X_FORWARDED_FOR)?.rsplit(',').nth(1)?.trim().parse::<IpAddr>().ok();
        if let Some(viewer) = by_the_edge.then(viewer).flatten() {
            return Cow::Owned(viewer.to_string());
        }
        match self.0.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => {
                Cow::Borrowed(context.http.source_ip.as_deref().unwrap_or("unknown"))
            }
            _ => Cow::Borrowed("unknown"),
        }
    }

    /// Returns the region of the first language in `Accept-Language` that has one, such as `AT` for
    /// `de-AT`.
    pub fn country(&self) -> Option<Country> {
        self.header(ACCEPT_LANGUAGE).and_then(Country::from_accept_language)
    }

    /// Returns the route with its placeholders, such as `GET /api/users/{user_id}/profile`.
    pub fn endpoint(&self) -> String {
        match self.0.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => context.route_key.clone().unwrap_or_default(),
            _ => String::new(),
        }
    }

    /// Returns Lambda's request id and the deadline of the invocation, in milliseconds of Unix
    /// time.
    pub fn invocation(&self) -> (String, u64) {
        self.0
            .lambda_context_ref()
            .map_or_else(Default::default, |context| (context.request_id.clone(), context.deadline))
    }

    pub(crate) fn accepts_gzip(&self) -> bool {
        negotiation::accepts_gzip(self.header(ACCEPT_ENCODING))
    }

    pub(crate) fn if_none_match(&self) -> Option<&str> {
        self.header(IF_NONE_MATCH)
    }

    fn header(&self, name: http::HeaderName) -> Option<&str> {
        let headers: &HeaderMap = self.0.headers();
        headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn body(&self) -> &[u8] {
        match self.0.body() {
            Body::Text(text) => text.as_bytes(),
            Body::Binary(bytes) => bytes,
            _ => &[],
        }
    }
}

/// Whether a text equals a key. Compares HMACs of both, so that the duration reveals nothing about
/// the key.
fn is_key(state: &AppState, shown: &str, key: &Secret<String>) -> bool {
    let pseudonym = |text: &str| state.store.hmac_key.hmac(&[b"key", text.as_bytes()]);
    pseudonym(shown) == pseudonym(key.expose())
}

/// Returns the bearer token of an `Authorization` header, or `None` for another scheme.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}
