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
use crate::config::EVERYBODY;
use crate::state::AppState;

/// The largest body that is read. An entry of 40,000 bytes fits even if each of them is escaped.
pub(super) const BODY_LIMIT: usize = 512 * 1024;
/// What `CloudFront` shows, and what it says of where a request came from.
const EDGE_KEY: HeaderName = HeaderName::from_static("x-edge-key");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A request as a handler sees it: what it asks for comes out parsed or as an error.
#[derive(Debug)]
pub struct Request(lambda_http::Request);

impl Request {
    /// Wraps what the runtime has read from the event.
    pub fn new(request: lambda_http::Request) -> Self {
        Self(request)
    }

    /// The token of the `Authorization` header. It claims who the caller is; the store finds out whether that is so.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when there is none, or nothing that could be one.
    pub fn token(&self) -> Result<Token> {
        let header = self.header(AUTHORIZATION).ok_or(Error::Unauthenticated("There is no Authorization header."))?;
        bearer(header)
            .and_then(Token::parse)
            .ok_or(Error::Unauthenticated("The Authorization header holds no bearer token."))
    }

    /// Whether an operator asks: their key is the bearer token. Where there is no key, nobody is one.
    pub fn is_operator(&self, state: &AppState) -> bool {
        let Some(key) = &state.operator_key else { return false };
        if key.expose() == EVERYBODY {
            return true;
        }
        self.header(AUTHORIZATION).and_then(bearer).is_some_and(|shown| is_key(state, shown, key))
    }

    /// A parameter of the path that is a user's id.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is not a UUID.
    pub fn path_user_id(&self) -> Result<UserId> {
        self.path_uuid("user_id").map(UserId)
    }

    /// A parameter of the path that is an entry's id.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is not a UUID.
    pub fn path_entry_id(&self) -> Result<EntryId> {
        self.path_uuid("entry_id").map(EntryId)
    }

    fn path_uuid(&self, name: &'static str) -> Result<Uuid> {
        let parameters = self.0.path_parameters_ref();
        let text = parameters.and_then(|parameters| parameters.first(name)).unwrap_or_default();
        validation::uuid(&text.into()).map_err(|rule| Error::invalid(name, rule))
    }

    /// The tags of `If-Match`: of the version that a change is meant for.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it cannot be read: the change would be made whatever version is there.
    pub fn if_match(&self) -> Result<Option<&str>> {
        let Some(value) = self.0.headers().get(IF_MATCH) else { return Ok(None) };
        value.to_str().map(Some).map_err(|_| Error::invalid("If-Match", "must be entity tags"))
    }

    /// The parameters of the query.
    pub fn query(&self) -> FieldReader {
        self.0
            .query_string_parameters_ref()
            .map_or_else(FieldReader::default, |query| FieldReader::from_query(query.iter()))
    }

    /// The members of the JSON body.
    ///
    /// # Errors
    /// [`Error::UnsupportedMediaType`], [`Error::TooLarge`] or [`Error::Malformed`].
    pub fn json(&self) -> Result<FieldReader> {
        let media_type = self.header(CONTENT_TYPE).unwrap_or("application/json");
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Error::UnsupportedMediaType("The body must be application/json."));
        }
        if self.header(CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
            return Err(Error::UnsupportedMediaType("The body must not be encoded."));
        }
        let body = self.body();
        if body.len() > BODY_LIMIT {
            return Err(Error::TooLarge { limit: BODY_LIMIT });
        }
        FieldReader::from_json(body)
    }

    /// The `Idempotency-Key` header with the request that it stands for: path, query, `If-Match` and body.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is not 1 to 255 visible ASCII characters.
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

    /// The `Idempotency-Key` header of a request that ends the session it comes with: it is repeated by whoever holds the same token.
    ///
    /// # Errors
    /// As [`idempotency_key`](Self::idempotency_key).
    pub fn last_idempotency_key(
        &self,
        state: &AppState,
        endpoint: &'static str,
        token: &Token,
    ) -> Result<Option<IdempotencyKey>> {
        Ok(self.idempotency_key(state, endpoint)?.map(|key| key.bound_to(&state.store, token)))
    }

    /// Where the request came from, as the gateway saw it; or as `CloudFront` saw it, if it has shown its key. By itself, a header such as
    /// `X-Forwarded-For` is the client's own claim.
    pub fn source_ip(&self, state: &AppState) -> Cow<'_, str> {
        let by_the_edge = state
            .edge_key
            .as_ref()
            .is_some_and(|key| self.header(EDGE_KEY).is_some_and(|shown| is_key(state, shown, key)));
        // The last address is the one that the gateway saw, CloudFront's; the one before is what CloudFront saw.
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

    /// The country that the client's first language with a region names, as in `de-AT`.
    pub fn country(&self) -> Option<Country> {
        self.header(ACCEPT_LANGUAGE).and_then(Country::from_accept_language)
    }

    /// The route with its placeholders, such as `GET /api/users/{user_id}/profile`.
    pub fn endpoint(&self) -> String {
        match self.0.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => context.route_key.clone().unwrap_or_default(),
            _ => String::new(),
        }
    }

    /// Lambda's id of this invocation and the time at which it will be cut off, in milliseconds of Unix time.
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

/// Pseudonyms of both are compared, so that the time it takes tells nothing about the key.
fn is_key(state: &AppState, shown: &str, key: &Secret<String>) -> bool {
    let pseudonym = |text: &str| state.store.hmac_key.hmac(&[b"key", text.as_bytes()]);
    pseudonym(shown) == pseudonym(key.expose())
}

/// What an `Authorization` header shows, if it shows a bearer token.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}
