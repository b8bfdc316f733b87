//! The HTTP API in front of the functions, with the limits and the error texts of API Gateway.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api.html>

mod cors;
mod event;
mod response;
mod router;
mod throttle;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use self::event::RequestContext;
use self::response::{Response, reject};
use self::router::{RouteTarget, Router};
use self::throttle::TokenBuckets;
use crate::invocation::{InvocationError, MAX_REQUEST_BYTES, random_bytes, trace_root};
use crate::limited_body::{self, BodyError};
use crate::pool::Pool;
use crate::template::{Api, Template};

/// The maximum length of a request body: 10 MB.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

/// The maximum length of the request line and the headers together, from the same page.
const MAX_HEAD_BYTES: usize = 10_240;

/// The maximum number of headers. [`MAX_HEAD_BYTES`] cannot contain as many, so only the length is
/// limited in practice.
const MAX_HEADERS: usize = 4_096;

const REQUEST_ID: HeaderName = HeaderName::from_static("apigw-requestid");

pub(crate) struct Gateway {
    api: Api,
    router: Router,
    throttle: Option<TokenBuckets>,
    port: u16,
}

impl Gateway {
    /// Creates the gateway for a template. `pools` has the pool of each function, in the template's
    /// order.
    pub(crate) fn new(template: &Template, pools: &[Arc<Pool>], throttled: bool, port: u16) -> Self {
        let api = template.api.clone();
        let throttle = throttled.then(|| TokenBuckets::new(template));
        Self { api, router: Router::new(template, pools), throttle, port }
    }

    /// Serves clients until the task is dropped.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            // Accepting fails when file descriptors run out. They are released as connections
            // close.
            let Ok((stream, peer)) = listener.accept().await else {
                sleep(Duration::from_millis(10)).await;
                continue;
            };
            // The system may reject the option on a connection that has already closed.
            let _ = stream.set_nodelay(true);
            let gateway = Arc::clone(&self);
            connections.spawn(async move {
                let service = service_fn(move |request| {
                    let gateway = Arc::clone(&gateway);
                    async move { Ok::<_, Infallible>(gateway.handle(request, peer).await) }
                });
                let mut connection = http1::Builder::new();
                connection.timer(TokioTimer::new()).max_headers(MAX_HEADERS);
                // A client may disconnect at any time. The invocation continues nevertheless.
                let _ = connection.serve_connection(TokioIo::new(stream), service).await;
            });
            while connections.try_join_next().is_some() {}
        }
    }

    async fn handle(&self, request: Request<Incoming>, peer: SocketAddr) -> Response {
        let request_id = URL_SAFE.encode(random_bytes::<11>());
        let (parts, body) = request.into_parts();
        let mut response = match self.preflight(&parts) {
            Some(response) => response,
            None => {
                let mut response = self.respond(&parts, body, peer, &request_id).await;
                if let Some(cors) = &self.api.cors {
                    cors::replace_headers(cors, &parts.headers, response.headers_mut());
                }
                response
            }
        };
        let id = HeaderValue::from_str(&request_id).ok();
        response.headers_mut().extend(id.map(|id| (REQUEST_ID, id)));
        response
    }

    fn preflight(&self, parts: &Parts) -> Option<Response> {
        let cors = self.api.cors.as_ref().filter(|_| parts.method == Method::OPTIONS)?;
        cors::preflight(cors, &parts.headers)
    }

    async fn respond(&self, parts: &Parts, body: Incoming, peer: SocketAddr, request_id: &str) -> Response {
        if head_length(parts) > MAX_HEAD_BYTES {
            return reject(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Request Header Fields Too Large");
        }
        let path = event::decode_path(parts.uri.path());
        let Some((target, path_parameters)) = self.router.find(&parts.method, &path) else {
            return reject(StatusCode::NOT_FOUND, "Not Found");
        };
        if self.throttle.as_ref().is_some_and(|buckets| !buckets.try_acquire(&target.route_key)) {
            return reject(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");
        }
        let body = match limited_body::read(body, MAX_BODY_BYTES).await {
            Ok(body) => body,
            Err(BodyError::TooLarge) => return reject(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
            Err(BodyError::Broken) => return reject(StatusCode::BAD_REQUEST, "Bad Request"),
        };
        let trace = trace_root();
        let context = RequestContext {
            route_key: &target.route_key,
            path,
            path_parameters,
            peer,
            port: self.port,
            request_id,
            trace: &trace,
        };
        let payload = event::encode(parts, &body, &context);
        invoke(target, payload, &trace).await
    }
}

async fn invoke(target: &RouteTarget, payload: Bytes, trace: &str) -> Response {
    // Lambda rejects the event before the function sees it.
    if payload.len() > MAX_REQUEST_BYTES {
        return reject(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    }
    match timeout(target.timeout, target.pool.invoke(payload, Some(trace))).await {
        Ok(Ok(payload)) => response::from_function(&payload),
        // Every error of a function, including its timeout, causes this response. Only the access
        // log has the cause.
        // <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html>
        Ok(Err(InvocationError::Function(_))) => reject(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
        Ok(Err(InvocationError::RequestTooLarge)) => reject(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
        // AWS does not document how an HTTP API responds if the function is throttled (Lambda
        // itself responds with 429) or exceeds the integration timeout. Users report 503 for both.
        // One report about a late function:
        // <https://github.com/anomalyco/sst/issues/2232>
        Ok(Err(_)) | Err(_) => reject(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
    }
}

/// Returns the length of the request line and the headers as received, including line breaks.
fn head_length(parts: &Parts) -> usize {
    let target = parts.uri.path_and_query().map_or(1, |target| target.as_str().len());
    let line = parts.method.as_str().len() + target + "  HTTP/1.1\r\n".len();
    let header = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + ": \r\n".len();
    line + parts.headers.iter().map(header).sum::<usize>()
}
