//! The common `main` of all functions.

use std::future::{Future, ready};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use domain::error::{Error, Result};
use futures_util::FutureExt as _;
use jiff::Timestamp;
use lambda_http::{Body, IntoResponse, service_fn};
use lambda_runtime::LambdaEvent;
use metrics::{EmfRecord, RequestMetrics, Summary};
use safety;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::config::{self, Variables};
use crate::http::{Request, Response, ResponseContext};
use crate::state::AppState;
use crate::telemetry;

/// The time before Lambda's timeout at which the function itself responds with an error.
const MARGIN: Duration = Duration::from_millis(250);
/// The duration above which a request is logged as slow.
const SLOW_REQUEST: Duration = Duration::from_secs(1);

/// A handler: `async fn handle(state: &AppState, request: Request) -> Result<Response>`.
pub trait Handler<'a>: Clone + Send + Sync + 'static {
    /// The future of the response.
    type Future: Future<Output = Result<Response>> + Send + 'a;

    /// Calls the handler with the environment's state and one request.
    fn call(&self, state: &'a AppState, request: Request) -> Self::Future;
}

impl<'a, F, T> Handler<'a> for F
where
    F: Fn(&'a AppState, Request) -> T + Clone + Send + Sync + 'static,
    T: Future<Output = Result<Response>> + Send + 'a,
{
    type Future = T;

    fn call(&self, state: &'a AppState, request: Request) -> T {
        self(state, request)
    }
}

/// Runs an HTTP function until Lambda terminates it.
///
/// Reads the configuration, connects to the backends, and serves requests. Returns only if the
/// environment cannot start, after logging the reason.
pub fn run<H: for<'a> Handler<'a>>(handler: H) -> ExitCode {
    run_with_state(handler, IncludeResources(false))
}

/// Runs an HTTP function like [`run()`], and adds crisis services to each of its errors. Use it for
/// functions to which users may turn in a crisis.
pub fn run_with_resources<H: for<'a> Handler<'a>>(handler: H) -> ExitCode {
    run_with_state(handler, IncludeResources(true))
}

/// Runs an HTTP function like [`run()`], but without state: it needs no backend and no secret.
pub fn run_without_state<T>(handler: fn(Request) -> T) -> ExitCode
where
    T: Future<Output = Result<Response>> + Send + 'static,
{
    start(move |_| serve_http(IncludeResources(false), move |_, request| handler(request)))
}

fn run_with_state<H: for<'a> Handler<'a>>(handler: H, include_resources: IncludeResources) -> ExitCode {
    start(move |variables| async move {
        let state = Arc::new(AppState::try_from(variables)?);
        state.connect().await;
        serve_http(include_resources, move |metrics, request| {
            let (state, handler) = (state.with_metrics(metrics), handler.clone());
            async move { handler.call(&state, request).await }
        })
        .await
    })
}

async fn serve_http<F, T>(include_resources: IncludeResources, respond: F) -> Result<(), lambda_http::Error>
where
    F: Fn(Arc<RequestMetrics>, Request) -> T + Clone + Send + Sync + 'static,
    T: Future<Output = Result<Response>> + Send + 'static,
{
    let environment = Arc::new(Environment { warm: AtomicBool::new(false), include_resources });
    let service = service_fn(move |request| {
        let (environment, respond) = (Arc::clone(&environment), respond.clone());
        async move { Ok::<_, lambda_http::Error>(RawResponse(environment.serve(respond, Request::new(request)).await)) }
    });
    lambda_http::run_concurrent(service).await
}

/// Runs a function that is called with an event instead of an HTTP request. An error of the handler
/// becomes the error of the invocation.
///
/// The context `C` is the state of the handler: [`AppState`], or the [`Variables`] that it needs.
pub fn run_event<C, E, R, F, T>(handler: F) -> ExitCode
where
    C: TryFrom<Variables, Error: Into<lambda_http::Error>> + Clone + Send + Sync + 'static,
    E: DeserializeOwned + Send + 'static,
    R: Serialize + Send + 'static,
    F: Fn(C, E) -> T + Clone + Send + Sync + 'static,
    T: Future<Output = Result<R>>,
{
    start(|variables| async move {
        let context = C::try_from(variables).map_err(Into::into)?;
        let service = service_fn(move |event: LambdaEvent<E>| {
            // Boxed, because otherwise the nested types of the runtime's layers exceed the limit of
            // the compiler.
            let result = Box::pin(handler(context.clone(), event.payload));
            async move {
                result.await.map_err(|error| {
                    tracing::error!(%error, "could not handle the event; the invocation fails");
                    lambda_http::Error::from(error)
                })
            }
        });
        lambda_runtime::run(service).await
    })
}

fn start<T>(serve: impl FnOnce(Variables) -> T) -> ExitCode
where
    T: Future<Output = Result<(), lambda_http::Error>>,
{
    let outcome = prepare().and_then(|(runtime, variables)| runtime.block_on(serve(variables)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the function cannot start; requests fail until the cause in `error` is fixed");
            ExitCode::FAILURE
        }
    }
}

fn prepare() -> Result<(Runtime, Variables), lambda_http::Error> {
    let variables = Variables::default();
    if let Some(config) = variables.telemetry() {
        telemetry::init(config.log_level);
        ::metrics::identify(config.service_name, config::function_name());
    }
    // With one request at a time, a second thread would only cost its start.
    let runtime = if config::max_concurrency() > 1 {
        Builder::new_multi_thread().enable_all().build()?
    } else {
        Builder::new_current_thread().enable_all().build()?
    };
    Ok((runtime, variables))
}

/// A response that is passed to the runtime unchanged.
///
/// The runtime's own conversion would copy the body twice, and add the tables of all character
/// encodings to each function.
struct RawResponse(http::Response<Body>);

impl IntoResponse for RawResponse {
    fn into_response(self) -> Pin<Box<dyn Future<Output = http::Response<Body>> + Send>> {
        Box::pin(ready(self.0))
    }
}

/// Whether error responses contain crisis services.
#[derive(Clone, Copy)]
struct IncludeResources(bool);

struct Environment {
    /// Whether a request has been served before.
    warm: AtomicBool,
    include_resources: IncludeResources,
}

impl Environment {
    /// Serves one request. Every outcome becomes a response, including a panic and an exceeded
    /// deadline.
    async fn serve<T>(
        &self,
        respond: impl Fn(Arc<RequestMetrics>, Request) -> T,
        request: Request,
    ) -> http::Response<Body>
    where
        T: Future<Output = Result<Response>>,
    {
        let started = Instant::now();
        let (endpoint, (request_id, deadline)) = (request.endpoint(), request.invocation());
        let metrics = Arc::new(RequestMetrics::of_request(&request_id, &endpoint));
        let (accepts_gzip, if_none_match) = (request.accepts_gzip(), request.if_none_match().map(str::to_owned));
        let country = request.country();
        let left = Duration::from_millis(deadline.saturating_sub(unix_ms())).saturating_sub(MARGIN);
        let work = AssertUnwindSafe(async { respond(Arc::clone(&metrics), request).await }).catch_unwind();
        let result = match timeout(left, work).await {
            Ok(Ok(result)) => result,
            Ok(Err(_panic)) => Err(Error::internal("the handler panicked")),
            Err(_) => Err(Error::unavailable("the handler reached its deadline")),
        };
        let reply = result.unwrap_or_else(|error| {
            log(&error, &request_id, &endpoint);
            let resources = if self.include_resources.0 { safety::resources(country) } else { Vec::new() };
            Response::problem(&error, &request_id, &resources)
        });
        let took = started.elapsed();
        let if_none_match = if_none_match.as_deref();
        let facts = ResponseContext { request_id: &request_id, if_none_match, accepts_gzip, took, metrics: &metrics };
        let (response, response_bytes) = reply.into_response(&facts);
        if took > SLOW_REQUEST {
            let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(request_id, endpoint, duration_ms, status = response.status().as_u16(), "slow request");
        }
        let summary = Summary {
            endpoint: &endpoint,
            request_id: &request_id,
            status: response.status().as_u16(),
            latency: took,
            response_bytes,
            cold_start: !self.warm.swap(true, Ordering::Relaxed),
        };
        ::metrics::emit(&EmfRecord::new(summary, &metrics));
        response
    }
}

/// Logs server errors. Client errors (4xx) are counted, not logged.
fn log(error: &Error, request_id: &str, endpoint: &str) {
    match error {
        Error::Internal(_) => tracing::error!(request_id, endpoint, %error, "internal error; the response is 500"),
        Error::Unavailable { .. } => {
            tracing::warn!(request_id, endpoint, %error, "a dependency is unavailable; the response is 503")
        }
        _ => {}
    }
}

fn unix_ms() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0)
}
