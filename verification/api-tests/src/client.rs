//! An HTTP client that sends exactly the given request. It adds no header except `Host`, does not
//! decompress responses and does not retry. It compares each response with the OpenAPI document.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::{join, join_all};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::openapi::Operation;
use crate::response::Response;

/// The time for which [`Request::until`] repeats a request. After three late replies of Redis in a
/// row, the functions do not use Redis for two seconds.
const REPEAT_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause between two repetitions.
const REPEAT_PAUSE: Duration = Duration::from_millis(20);

/// A client of the API, with or without a session.
#[derive(Debug, Clone)]
pub struct Client {
    address: SocketAddr,
    token: Option<String>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, token: Option<String>) -> Self {
        Self { address, token }
    }

    /// Returns the same client with another bearer token.
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// Builds a `GET` request.
    pub fn get(&self, path: impl Into<String>) -> Request {
        self.request("GET", path)
    }

    /// Builds a `POST` request with a JSON body.
    pub fn post(&self, path: impl Into<String>, body: &Value) -> Request {
        self.request("POST", path).json(body)
    }

    /// Builds a `PATCH` request with a JSON body.
    pub fn patch(&self, path: impl Into<String>, body: &Value) -> Request {
        self.request("PATCH", path).json(body)
    }

    /// Builds a request of any method without a body.
    pub fn request(&self, method: &str, path: impl Into<String>) -> Request {
        let method = method.parse().expect("the method is valid");
        let mut headers = HeaderMap::new();
        if let Some(token) = &self.token {
            headers.insert(
                AUTHORIZATION,
                HeaderValue::try_from(format!("Bearer {token}")).expect("the token is a valid header value"),
            );
        }
        Request { address: self.address, method, path: path.into(), headers, body: Bytes::new() }
    }
}

/// A request, which is sent when it is awaited.
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
    /// Sets a header and replaces an earlier value.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name = HeaderName::try_from(name).expect("the header name is valid");
        self.headers.insert(name, HeaderValue::from_bytes(value.as_ref()).expect("the header value is valid"));
        self
    }

    /// Removes a header, if it is present.
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// Sets a JSON body and its content type.
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sets a body and its content type.
    pub fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.headers.insert(
            CONTENT_TYPE,
            HeaderValue::try_from(content_type).expect("the content type is a valid header value"),
        );
        self.body = body.into();
        self
    }

    /// Repeats the request until its response comes from the cache. On a busy machine, Redis may
    /// exceed its time budget of a few milliseconds. Then the response comes from the database.
    ///
    /// # Panics
    /// Panics if there is no hit within 10 s.
    pub async fn until_hit(self) -> Response {
        self.until("cache hit", |response| response.header("x-cache") == Some("hit")).await
    }

    /// Repeats the request until its response meets a condition.
    ///
    /// # Panics
    /// Panics if no response meets the condition within 10 s.
    pub async fn until(self, what: &str, condition: impl Fn(&Response) -> bool) -> Response {
        let deadline = Instant::now() + REPEAT_TIMEOUT;
        loop {
            let response = self.clone().await;
            if condition(&response) {
                return response;
            }
            assert!(
                Instant::now() < deadline,
                "{} {}: no {what} in time, last response: {response:?}",
                self.method,
                self.path
            );
            sleep(REPEAT_PAUSE).await;
        }
    }

    /// Sends the request on a new connection. Returns `None` if the connection breaks before the
    /// response is complete.
    ///
    /// # Panics
    /// Panics if the response contradicts the OpenAPI document.
    pub async fn try_send(self) -> Option<Response> {
        let operation = Operation::of_request(&self.method, &self.path);
        let started = Instant::now();
        let stream = TcpStream::connect(self.address).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        let mut request = http::Request::new(Full::new(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.path.parse().expect("the path is valid");
        *request.headers_mut() = self.headers;
        let host = HeaderValue::try_from(self.address.to_string()).expect("the address is a valid header value");
        request.headers_mut().entry(HOST).or_insert(host);
        let exchange = async move {
            let (parts, body) = sender.send_request(request).await.ok()?.into_parts();
            let body = body.collect().await.ok()?.to_bytes();
            Some(Response { status: parts.status.as_u16(), headers: parts.headers, body, elapsed: started.elapsed() })
        };
        // The exchange drops its sender, which also ends the connection.
        let response = join(exchange, connection).await.0?;
        if let Some(operation) = operation {
            operation.assert_describes(&response);
        }
        Some(response)
    }
}

impl IntoFuture for Request {
    type Output = Response;
    type IntoFuture = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let what = format!("{} {}", self.method, self.path);
            self.try_send().await.unwrap_or_else(|| panic!("{what}: no response"))
        })
    }
}

/// Sends requests concurrently, and returns their responses in the order of the requests.
pub async fn send_all(requests: impl IntoIterator<Item = Request>) -> Vec<Response> {
    join_all(requests.into_iter().map(IntoFuture::into_future)).await
}
