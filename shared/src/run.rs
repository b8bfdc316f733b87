//! The one `main` of every function.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use jiff::Timestamp;
use lambda_http::{Body, service_fn};
use lambda_runtime::LambdaEvent;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tracing::level_filters::LevelFilter;

use crate::config::{self, Config};
use crate::error::{Error, Result};
use crate::http::{Facts, Reply, Request};
use crate::metrics::{self, Meter, Summary};
use crate::safety;
use crate::state::State;
use crate::telemetry;

/// An answer leaves this long before Lambda would cut the function off.
const MARGIN: Duration = Duration::from_millis(250);
/// A request that takes longer is logged.
const SLOW_REQUEST: Duration = Duration::from_secs(1);

/// A handler: `async fn handle(state: &State, request: Request) -> Result<Reply>`.
pub trait Handler<'a>: Clone + Send + Sync + 'static {
    /// What the call returns.
    type Future: Future<Output = Result<Reply>> + Send + 'a;

    /// Calls the function.
    fn call(&self, state: &'a State, request: Request) -> Self::Future;
}

impl<'a, F, T> Handler<'a> for F
where
    F: Fn(&'a State, Request) -> T + Clone + Send + Sync + 'static,
    T: Future<Output = Result<Reply>> + Send + 'a,
{
    type Future = T;

    fn call(&self, state: &'a State, request: Request) -> T {
        self(state, request)
    }
}

/// Runs an HTTP function until Lambda ends it.
///
/// Reads the configuration, connects, then serves. Returns only if the environment is unfit, after one line that says why.
pub fn run<H: for<'a> Handler<'a>>(handler: H) -> ExitCode {
    run_http(handler, Needs { backends: true, resources: false })
}

/// The same for a function that asks nobody anything: it connects to no backend.
pub fn run_alone<H: for<'a> Handler<'a>>(handler: H) -> ExitCode {
    run_http(handler, Needs { backends: false, resources: false })
}

/// The same for a function that somebody may turn to in a crisis: each of its errors tells whom else they can turn to.
pub fn run_with_resources<H: for<'a> Handler<'a>>(handler: H) -> ExitCode {
    run_http(handler, Needs { backends: true, resources: true })
}

/// What a function is given besides the request.
#[derive(Clone, Copy)]
struct Needs {
    /// Connections that are opened during INIT.
    backends: bool,
    /// Whom else somebody can turn to, in each of its errors.
    resources: bool,
}

fn run_http<H: for<'a> Handler<'a>>(handler: H, needs: Needs) -> ExitCode {
    start(move |config| async move {
        let state = State::try_from(config)?;
        if needs.backends {
            state.connect().await;
        }
        let environment =
            Arc::new(Environment { state, warm: AtomicBool::new(false), with_resources: needs.resources });
        let service = service_fn(move |request| {
            let (environment, handler) = (Arc::clone(&environment), handler.clone());
            async move { Ok::<_, lambda_http::Error>(environment.serve(handler, Request::new(request)).await) }
        });
        lambda_http::run_concurrent(service).await
    })
}

/// Runs a function that is called with an event rather than a request. Its error becomes the invocation's error.
///
/// The context is what the handler works with: [`State`], or the [`Config`] alone.
pub fn run_event<C, E, R, F, T>(handler: F) -> ExitCode
where
    C: TryFrom<Config, Error: Into<lambda_http::Error>> + Clone + Send + Sync + 'static,
    E: DeserializeOwned + Send + 'static,
    R: Serialize + Send + 'static,
    F: Fn(C, E) -> T + Clone + Send + Sync + 'static,
    T: Future<Output = Result<R>>,
{
    start(|config| async move {
        let context = C::try_from(config).map_err(Into::into)?;
        let service = service_fn(move |event: LambdaEvent<E>| {
            // Boxed, or the runtime's layers around it nest deeper than the compiler follows.
            let result = Box::pin(handler(context.clone(), event.payload));
            async move {
                result.await.map_err(|error| {
                    tracing::error!(%error, "the event could not be handled");
                    lambda_http::Error::from(error)
                })
            }
        });
        lambda_runtime::run(service).await
    })
}

fn start<T>(serve: impl FnOnce(Config) -> T) -> ExitCode
where
    T: Future<Output = Result<(), lambda_http::Error>>,
{
    let outcome = prepare().and_then(|(runtime, config)| runtime.block_on(serve(config)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the function cannot run");
            ExitCode::FAILURE
        }
    }
}

fn prepare() -> Result<(Runtime, Config), lambda_http::Error> {
    let config = Config::from_env().inspect_err(|_| telemetry::init(LevelFilter::INFO))?;
    telemetry::init(config.log_level);
    metrics::registry::name_service(config.service_name.clone());
    // With one request at a time a second thread would only cost its start.
    let runtime = if config::max_concurrency() > 1 {
        Builder::new_multi_thread().enable_all().build()?
    } else {
        Builder::new_current_thread().enable_all().build()?
    };
    Ok((runtime, config))
}

struct Environment {
    state: State,
    /// Whether a request has been served before.
    warm: AtomicBool,
    /// Whether errors tell whom else somebody can turn to.
    with_resources: bool,
}

impl Environment {
    /// Serves one request: every outcome, a panic and a deadline included, becomes an answer.
    async fn serve<H: for<'a> Handler<'a>>(&self, handler: H, request: Request) -> http::Response<Body> {
        let started = Instant::now();
        let (endpoint, (request_id, deadline)) = (request.endpoint(), request.invocation());
        let state = self.state.with_meter(Meter::of_request(&request_id, &endpoint));
        let (accepts_gzip, if_none_match) = (request.accepts_gzip(), request.if_none_match().map(str::to_owned));
        let country = request.country();
        let left = Duration::from_millis(deadline.saturating_sub(unix_ms())).saturating_sub(MARGIN);
        let work = AssertUnwindSafe(handler.call(&state, request)).catch_unwind();
        let result = match timeout(left, work).await {
            Ok(Ok(result)) => result,
            Ok(Err(_panic)) => Err(Error::internal("the handler panicked")),
            Err(_) => Err(Error::unavailable("the handler reached its deadline")),
        };
        let reply = result.unwrap_or_else(|error| {
            log(&error, &request_id, &endpoint);
            let resources = if self.with_resources { safety::resources(country) } else { Vec::new() };
            Reply::problem(&error, &request_id, &resources)
        });
        let took = started.elapsed();
        let if_none_match = if_none_match.as_deref();
        let facts = Facts { request_id: &request_id, if_none_match, accepts_gzip, took, meter: &state.meter };
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
        metrics::emit(&metrics::Document::new(summary, &state.meter));
        response
    }
}

/// Failures of ours are logged once, here. What the client did wrong is the client's own affair and only counted.
fn log(error: &Error, request_id: &str, endpoint: &str) {
    match error {
        Error::Internal(_) => tracing::error!(request_id, endpoint, %error, "internal error"),
        Error::Unavailable { .. } => tracing::warn!(request_id, endpoint, %error, "unavailable"),
        _ => {}
    }
}

fn unix_ms() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0)
}
