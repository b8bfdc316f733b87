//! The Runtime API of Lambda. Every environment has its own listener, so the port of a request
//! identifies its environment.
//!
//! Paths, states, status codes and error texts are those of AWS's runtime interface emulator
//! (`internal/lambda/rapi`). <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

mod extension;
mod response;

use std::convert::Infallible;
use std::sync::Arc;

use http::{HeaderMap, Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use self::response::Response;
use crate::environment::{Environment, RequestStatus};
use crate::invocation::{FunctionError, MAX_RESPONSE_BYTES};
use crate::limited_body::{self, BodyError};

const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
const RESPONSE_MODE: &str = "lambda-runtime-function-response-mode";

/// Serves one environment's runtime until the task is dropped.
pub(crate) async fn serve(environment: Arc<Environment>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        // The system may reject the option on a connection that has already closed.
        let _ = stream.set_nodelay(true);
        let environment = Arc::clone(&environment);
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let environment = Arc::clone(&environment);
                async move { Ok::<_, Infallible>(route(&environment, request).await) }
            });
            // A connection breaks when the runtime exits. [`Environment`] detects the exit of the
            // process.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn route(environment: &Environment, request: Request<Incoming>) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().trim_start_matches('/').to_owned();
    let segments: Vec<&str> = path.split('/').collect();
    match (&parts.method, segments.as_slice()) {
        (&Method::GET, ["2018-06-01", "runtime", "invocation", "next"]) => next_invocation(environment).await,
        (&Method::POST, ["2018-06-01", "runtime", "invocation", id, "response"]) => {
            invocation_response(environment, id, &parts.headers, body).await
        }
        (&Method::POST, ["2018-06-01", "runtime", "invocation", id, "error"]) => {
            invocation_error(environment, id, &parts.headers, body).await
        }
        (&Method::POST, ["2018-06-01", "runtime", "init", "error"]) => {
            init_error(environment, &parts.headers, body).await
        }
        (method, ["2020-01-01", "extension", rest @ ..]) => {
            extension::route(environment, method, rest, &parts.headers, body).await
        }
        (&Method::GET, ["2018-06-01", "ping"]) => response::text(StatusCode::OK, "pong"),
        _ => response::text(StatusCode::NOT_FOUND, "404 page not found\n"),
    }
}

async fn next_invocation(environment: &Environment) -> Response {
    let Some(event) = environment.next_event() else {
        return response::wrong_state("InitError", "Ready");
    };
    match event.await {
        Ok(event) => response::event(&event, &environment.settings.arn()),
        Err(_) => response::internal_error(),
    }
}

async fn invocation_response(environment: &Environment, id: &str, headers: &HeaderMap, body: Incoming) -> Response {
    if let Some(rejection) = reject_unless_running(environment, id, "InvocationResponse") {
        return rejection;
    }
    // Only functions with response streaming may stream. An HTTP API does not support streaming,
    // and the prelude of the stream would corrupt the response.
    if headers.contains_key(RESPONSE_MODE) {
        let failure = FunctionError::new(
            "Runtime.InvalidResponseModeHeader",
            "Error: this invocation does not support response streaming",
        );
        environment.respond(id, Err(failure));
        return response::error(
            StatusCode::BAD_REQUEST,
            "InvalidFunctionResponseMode",
            "Invalid function response mode",
        );
    }
    let (outcome, response) = match limited_body::read(body, MAX_RESPONSE_BYTES).await {
        Ok(payload) => (Ok(payload), response::accepted()),
        Err(BodyError::TooLarge) => (Err(FunctionError::response_too_large()), response::too_large()),
        Err(BodyError::Broken) => (
            Err(FunctionError::new("Runtime.TruncatedResponse", "Error: the response was truncated")),
            response::error(StatusCode::BAD_REQUEST, "TruncatedHTTPRequest", "HTTP request detected as truncated"),
        ),
    };
    if environment.respond(id, outcome) { response } else { response::invalid_request_id() }
}

async fn invocation_error(environment: &Environment, id: &str, headers: &HeaderMap, body: Incoming) -> Response {
    if let Some(rejection) = reject_unless_running(environment, id, "InvocationErrorResponse") {
        return rejection;
    }
    let failure = read_function_error(headers, body).await;
    if environment.respond(id, Err(failure)) { response::accepted() } else { response::invalid_request_id() }
}

async fn init_error(environment: &Environment, headers: &HeaderMap, body: Incoming) -> Response {
    let failure = read_function_error(headers, body).await;
    if environment.fail_init(failure) { response::accepted() } else { response::wrong_state("Running", "InitError") }
}

/// Rejects a transition to the state `into`, unless the event is running.
fn reject_unless_running(environment: &Environment, id: &str, into: &str) -> Option<Response> {
    match environment.request_status(id) {
        RequestStatus::Running => None,
        RequestStatus::Unknown => Some(response::invalid_request_id()),
        RequestStatus::Responded => Some(response::wrong_state("RuntimeResponseSentState", into)),
    }
}

/// Reads the error that the runtime reports. The error type is in the document or in a header. The
/// payload is the unchanged document.
async fn read_function_error(headers: &HeaderMap, body: Incoming) -> FunctionError {
    let payload = limited_body::read(body, MAX_RESPONSE_BYTES).await.unwrap_or_default();
    let document = serde_json::from_slice::<Value>(&payload).unwrap_or_default();
    let known = |name: &&str| name.starts_with("Runtime.") || name.starts_with("Function.");
    let header = headers.get(ERROR_TYPE).and_then(|value| value.to_str().ok()).filter(known);
    let error_type = document.get("errorType").and_then(|text| text.as_str()).or(header).unwrap_or("Runtime.Unknown");
    FunctionError { error_type: error_type.to_owned(), payload }
}
