//! The HTTP API in front of the functions, with the limits and the error texts of API Gateway.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api.html>

mod cors;
mod event;
mod reply;
mod route;
mod throttle;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use self::reply::refuse;
use self::route::{Target, Targets};
use crate::body::{self, BodyError};
use crate::invocation::{InvocationError, MAX_REQUEST_BYTES, random_bytes, trace_root};
use crate::pool::Pool;
use crate::template::{Api, Template};

pub(crate) type Reply = Response<Full<Bytes>>;

/// The longest body: 10 MB. <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

/// The longest request line and headers together, from the same page.
const MAX_HEAD_BYTES: usize = 10_240;

/// More headers than [`MAX_HEAD_BYTES`] has room for.
const MAX_HEADERS: usize = 4_096;

pub(crate) struct Gateway {
    api: Api,
    targets: Targets,
    throttle: Option<throttle::Buckets>,
    port: u16,
}

impl Gateway {
    /// `pools` are in the order of the template's functions.
    pub(crate) fn new(template: &Template, pools: &[Arc<Pool>], throttled: bool, port: u16) -> Self {
        let api = template.api.clone();
        let throttle = throttled.then(|| throttle::Buckets::new(template));
        Self { api, targets: Targets::new(template, pools), throttle, port }
    }

    /// Serves clients until the task is dropped.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            // An accept fails for want of file descriptors, which come back as connections close.
            let Ok((stream, peer)) = listener.accept().await else {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                continue;
            };
            // The system may refuse the option on a connection that is closed already.
            let _ = stream.set_nodelay(true);
            let gateway = Arc::clone(&self);
            connections.spawn(async move {
                let service = service_fn(move |request| {
                    let gateway = Arc::clone(&gateway);
                    async move { Ok::<_, Infallible>(gateway.handle(request, peer).await) }
                });
                let mut connection = http1::Builder::new();
                connection.timer(TokioTimer::new()).max_headers(MAX_HEADERS);
                // A client may go away at any time; the function does not notice.
                let _ = connection.serve_connection(TokioIo::new(stream), service).await;
            });
            while connections.try_join_next().is_some() {}
        }
    }

    async fn handle(&self, request: Request<Incoming>, peer: SocketAddr) -> Reply {
        let request_id = URL_SAFE.encode(random_bytes::<11>());
        let (parts, body) = request.into_parts();
        let mut reply = match self.preflight(&parts) {
            Some(reply) => reply,
            None => {
                let mut reply = self.answer(&parts, body, peer, &request_id).await;
                if let Some(cors) = &self.api.cors {
                    cors::decorate(cors, &parts.headers, reply.headers_mut());
                }
                reply
            }
        };
        let id = HeaderValue::from_str(&request_id).ok();
        reply.headers_mut().extend(id.map(|id| (HeaderName::from_static("apigw-requestid"), id)));
        reply
    }

    fn preflight(&self, parts: &Parts) -> Option<Reply> {
        let cors = self.api.cors.as_ref().filter(|_| parts.method == Method::OPTIONS)?;
        cors::preflight(cors, &parts.headers)
    }

    async fn answer(&self, parts: &Parts, body: Incoming, peer: SocketAddr, request_id: &str) -> Reply {
        if head_bytes(parts) > MAX_HEAD_BYTES {
            return refuse(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Request Header Fields Too Large");
        }
        let path = event::decoded_path(parts.uri.path());
        let Some((target, path_parameters)) = self.targets.find(&parts.method, &path) else {
            return refuse(StatusCode::NOT_FOUND, "Not Found");
        };
        if self.throttle.as_ref().is_some_and(|buckets| !buckets.admit(&target.route_key)) {
            return refuse(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");
        }
        let body = match body::read(body, MAX_BODY_BYTES).await {
            Ok(body) => body,
            Err(BodyError::TooLarge) => return refuse(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
            Err(BodyError::Broken) => return refuse(StatusCode::BAD_REQUEST, "Bad Request"),
        };
        let trace = trace_root();
        let source = event::Source {
            route_key: &target.route_key,
            path,
            path_parameters,
            peer,
            port: self.port,
            request_id,
            trace: &trace,
        };
        let payload = event::payload(parts, &body, &source);
        invoke(target, payload, &trace).await
    }
}

async fn invoke(target: &Target, payload: Bytes, trace: &str) -> Reply {
    // Lambda refuses the event before the function sees it.
    if payload.len() > MAX_REQUEST_BYTES {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    }
    match tokio::time::timeout(target.timeout, target.pool.invoke(payload, Some(trace))).await {
        Ok(Ok(payload)) => reply::from_function(&payload),
        // Every error of a function, its timeout included, is this one; the cause is in the access log only.
        // <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html>
        Ok(Err(InvocationError::Function(_))) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
        Ok(Err(InvocationError::RequestTooLarge)) => refuse(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
        // AWS documents neither what a throttled function (Lambda's own 429) nor what a late one is to a client of an HTTP
        // API. Both are reported as 503 there, as in <https://github.com/anomalyco/sst/issues/2232> for a late one.
        Ok(Err(_)) | Err(_) => refuse(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
    }
}

/// The length of the request line and the headers as they came, with their line ends.
fn head_bytes(parts: &Parts) -> usize {
    let target = parts.uri.path_and_query().map_or(1, |target| target.as_str().len());
    let line = parts.method.as_str().len() + target + "  HTTP/1.1\r\n".len();
    let header = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + ": \r\n".len();
    line + parts.headers.iter().map(header).sum::<usize>()
}
