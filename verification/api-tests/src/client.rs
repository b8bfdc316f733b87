//! An HTTP client that sends what it is told, and nothing else: no header of its own but `Host`, no decompression, no retry.

use std::future::{Future, IntoFuture};
use std::io::Read as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// Who sends requests: everybody's address, and for a signed-in person the token.
#[derive(Debug, Clone)]
pub struct Client {
    address: SocketAddr,
    token: Option<String>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, token: Option<String>) -> Self {
        Self { address, token }
    }

    /// The same client with another bearer token.
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// `GET`.
    pub fn get(&self, path: impl Into<String>) -> Request {
        self.request("GET", path)
    }

    /// `POST` with a JSON body.
    pub fn post(&self, path: impl Into<String>, body: &Value) -> Request {
        self.request("POST", path).json(body)
    }

    /// `PATCH` with a JSON body.
    pub fn patch(&self, path: impl Into<String>, body: &Value) -> Request {
        self.request("PATCH", path).json(body)
    }

    /// A request of any method, without a body.
    pub fn request(&self, method: &str, path: impl Into<String>) -> Request {
        let method = method.parse().expect("a method");
        let mut headers = HeaderMap::new();
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, HeaderValue::try_from(format!("Bearer {token}")).expect("a token"));
        }
        Request { address: self.address, method, path: path.into(), headers, body: Bytes::new() }
    }
}

/// A request that is sent when it is awaited.
#[derive(Debug, Clone)]
#[must_use = "a request is sent when it is awaited"]
pub struct Request {
    address: SocketAddr,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Request {
    /// Sets a header, in place of one of that name.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name = HeaderName::try_from(name).expect("a header's name");
        self.headers.insert(name, HeaderValue::from_bytes(value.as_ref()).expect("a header's value"));
        self
    }

    /// Leaves a header out.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// Sets a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sets a body of any type.
    pub fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::try_from(content_type).expect("a content type"));
        self.body = body.into();
        self
    }

    /// Sends the request until the cache answers it. On a busy machine Redis may once be later than its budget of milliseconds allows,
    /// upon which the database answers; five times in a row is a defect.
    pub async fn until_hit(self) -> Reply {
        let mut outcomes = Vec::new();
        while outcomes.len() < 5 {
            let reply = self.clone().await;
            if reply.header("x-cache") == Some("hit") {
                return reply;
            }
            outcomes.push(format!("{} {:?}", reply.status, reply.header("x-cache")));
        }
        panic!("{} {} is not cached: {outcomes:?}", self.method, self.path);
    }

    /// Sends the request on a connection of its own. `None` when the connection broke before the answer was complete.
    pub async fn attempt(self) -> Option<Reply> {
        let started = Instant::now();
        let stream = TcpStream::connect(self.address).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        let mut request = http::Request::new(Full::new(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.path.parse().expect("a path");
        *request.headers_mut() = self.headers;
        let host = HeaderValue::try_from(self.address.to_string()).expect("a host");
        request.headers_mut().entry(HOST).or_insert(host);
        let exchange = async move {
            let (parts, body) = sender.send_request(request).await.ok()?.into_parts();
            let body = body.collect().await.ok()?.to_bytes();
            Some(Reply { status: parts.status.as_u16(), headers: parts.headers, body, took: started.elapsed() })
        };
        // The exchange drops its sender, upon which the connection ends too.
        futures_util::future::join(exchange, connection).await.0
    }
}

impl IntoFuture for Request {
    type Output = Reply;
    type IntoFuture = Pin<Box<dyn Future<Output = Reply> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let what = format!("{} {}", self.method, self.path);
            self.attempt().await.unwrap_or_else(|| panic!("{what}: no answer"))
        })
    }
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The body as it came, compressed if it was.
    pub body: Bytes,
    /// From before the connection was opened until the last byte was read.
    pub took: Duration,
}

impl Reply {
    /// A header's value, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a header of visible characters"))
    }

    /// Where the answer came from: `hit`, `miss` or `bypass`.
    #[track_caller]
    pub fn cache(&self) -> &str {
        self.header("x-cache").unwrap_or_else(|| panic!("no X-Cache in {self:?}"))
    }

    /// The body, decompressed if it was compressed.
    pub fn plain(&self) -> Vec<u8> {
        if self.header("content-encoding") != Some("gzip") {
            return self.body.to_vec();
        }
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&self.body[..]).read_to_end(&mut plain).expect("gzip");
        plain
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.plain()).expect("text")
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.plain()).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// Asserts that the request succeeded, and reads the body.
    #[track_caller]
    pub fn good(&self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.text());
        self.json()
    }

    /// Asserts that the answer is this error, as problem details of the documented shape, and returns them.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text());
        let problem = self.json();
        assert_problem(&problem, status, code);
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"));
        problem
    }
}

/// Asserts the documented shape of problem details: all members, no other ones.
#[track_caller]
pub fn assert_problem(problem: &Value, status: u16, code: &str) {
    let members = problem.as_object().expect("an object");
    let known = ["type", "title", "status", "detail", "code", "request_id", "errors", "resources"];
    for member in members.keys() {
        assert!(known.contains(&member.as_str()), "{member} in {problem}");
    }
    for member in ["type", "title", "detail", "code", "request_id"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {problem}");
    }
    assert_eq!((problem["status"].as_u64(), problem["code"].as_str()), (Some(status.into()), Some(code)), "{problem}");
    assert_eq!(problem["type"], format!("urn:kai:error:{code}"));
    assert!(
        problem.get("resources").is_none_or(|list| list.as_array().is_some_and(|list| !list.is_empty())),
        "{problem}"
    );
    let has_fields = members.contains_key("errors");
    assert_eq!(has_fields, code == "invalid_fields", "{problem}");
    for error in problem["errors"].as_array().into_iter().flatten() {
        let text = |member: &str| error[member].as_str().is_some_and(|text| !text.is_empty());
        assert!(
            text("field") && text("message") && error.as_object().is_some_and(|error| error.len() == 2),
            "{problem}"
        );
    }
}
