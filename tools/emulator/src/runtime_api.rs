//! The API that a function's runtime speaks, one listener for each environment, so that environments cannot be confused.
//!
//! Paths, states, status codes and error texts are those of AWS's runtime interface emulator (`internal/lambda/rapi`).
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

mod extension;
mod reply;

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::body::{self, BodyError};
use crate::environment::Environment;
use crate::invocation::{FunctionError, MAX_RESPONSE_BYTES};

pub(crate) type Reply = Response<Full<Bytes>>;

const ERROR_TYPE: &str = "lambda-runtime-function-error-type";

/// Serves one environment's runtime until the task is dropped.
pub(crate) async fn serve(environment: Arc<Environment>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        // The system may refuse the option on a connection that is closed already.
        let _ = stream.set_nodelay(true);
        let environment = Arc::clone(&environment);
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let environment = Arc::clone(&environment);
                async move { Ok::<_, Infallible>(route(&environment, request).await) }
            });
            // A broken connection is the runtime's end, which the process's exit tells.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn route(environment: &Environment, request: Request<Incoming>) -> Reply {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().trim_start_matches('/').to_owned();
    let segments: Vec<&str> = path.split('/').collect();
    match (&parts.method, segments.as_slice()) {
        (&Method::GET, ["2018-06-01", "runtime", "invocation", "next"]) => next(environment).await,
        (&Method::POST, ["2018-06-01", "runtime", "invocation", id, "response"]) => {
            response(environment, id, &parts.headers, body).await
        }
        (&Method::POST, ["2018-06-01", "runtime", "invocation", id, "error"]) => {
            error(environment, id, &parts.headers, body).await
        }
        (&Method::POST, ["2018-06-01", "runtime", "init", "error"]) => {
            init_error(environment, &parts.headers, body).await
        }
        (method, ["2020-01-01", "extension", rest @ ..]) => {
            extension::route(environment, method, rest, &parts.headers, body).await
        }
        (&Method::GET, ["2018-06-01", "ping"]) => reply::text(StatusCode::OK, "pong"),
        _ => reply::text(StatusCode::NOT_FOUND, "404 page not found\n"),
    }
}

async fn next(environment: &Environment) -> Reply {
    let Some(event) = environment.next() else {
        return reply::wrong_state("InitError", "Ready");
    };
    match event.await {
        Ok(event) => reply::event(&event, &environment.settings.arn()),
        Err(_) => reply::error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "Internal Server Error"),
    }
}

async fn response(environment: &Environment, id: &str, headers: &HeaderMap, body: Incoming) -> Reply {
    if let Some(refusal) = refuse(environment, id, "InvocationResponse") {
        return refusal;
    }
    // Only functions behind a response stream may stream, which an HTTP API is not; the prelude would corrupt the answer.
    if headers.contains_key("lambda-runtime-function-response-mode") {
        let failure = FunctionError::new("Runtime.InvalidResponseModeHeader", "Error: this invocation does not stream");
        environment.answer(id, Err(failure));
        return reply::error(StatusCode::BAD_REQUEST, "InvalidFunctionResponseMode", "Invalid function response mode");
    }
    let (outcome, reply) = match body::read(body, MAX_RESPONSE_BYTES).await {
        Ok(payload) => (Ok(payload), reply::accepted()),
        Err(BodyError::TooLarge) => (Err(FunctionError::response_too_large()), reply::too_large()),
        Err(BodyError::Broken) => (
            Err(FunctionError::new("Runtime.TruncatedResponse", "Error: the response broke off")),
            reply::error(StatusCode::BAD_REQUEST, "TruncatedHTTPRequest", "HTTP request detected as truncated"),
        ),
    };
    if environment.answer(id, outcome) { reply } else { reply::invalid_request_id() }
}

async fn error(environment: &Environment, id: &str, headers: &HeaderMap, body: Incoming) -> Reply {
    if let Some(refusal) = refuse(environment, id, "InvocationErrorResponse") {
        return refusal;
    }
    let failure = function_error(headers, body).await;
    if environment.answer(id, Err(failure)) { reply::accepted() } else { reply::invalid_request_id() }
}

async fn init_error(environment: &Environment, headers: &HeaderMap, body: Incoming) -> Reply {
    let failure = function_error(headers, body).await;
    if environment.init_error(failure) { reply::accepted() } else { reply::wrong_state("Running", "InitError") }
}

fn refuse(environment: &Environment, id: &str, into: &str) -> Option<Reply> {
    match environment.works_on(id) {
        Some(true) => None,
        Some(false) => Some(reply::invalid_request_id()),
        None => Some(reply::wrong_state("RuntimeResponseSentState", into)),
    }
}

/// What the runtime reports: the type in a header or in the document, the document as it is.
async fn function_error(headers: &HeaderMap, body: Incoming) -> FunctionError {
    let payload = body::read(body, MAX_RESPONSE_BYTES).await.unwrap_or_default();
    let document = serde_json::from_slice::<serde_json::Value>(&payload).unwrap_or_default();
    let known = |name: &&str| name.starts_with("Runtime.") || name.starts_with("Function.");
    let header = headers.get(ERROR_TYPE).and_then(|value| value.to_str().ok()).filter(known);
    let error_type = document.get("errorType").and_then(|text| text.as_str()).or(header).unwrap_or("Runtime.Unknown");
    FunctionError { error_type: error_type.to_owned(), payload }
}
