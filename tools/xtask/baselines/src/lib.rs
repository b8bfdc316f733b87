//! The parts that all baselines share: the runtime, the connections and the response of a function.
//! A baseline does none of a function's other work.
//!
//! The baselines are a separate package, so that Cargo builds them with exactly the dependencies
//! and features that the functions have.

mod environment;
mod postgres;
mod redis;
mod response;

pub use self::postgres::connect as connect_postgres;
pub use self::redis::connect as connect_redis;
pub use environment::variable;
pub use response::{constant, gzipped, json};

use std::future::Future;
use std::sync::Arc;

use lambda_http::{Body, Error, Request, service_fn};
use tokio::runtime::Builder;

/// Runs a baseline as a function that serves one request at a time. `prepare` runs during INIT, and
/// `respond` is called with its result for each request.
///
/// # Errors
/// `prepare` fails, or the process does not run in a Lambda environment.
pub fn run<S, R, F>(prepare: impl Future<Output = Result<S, Error>>, respond: R) -> Result<(), Error>
where
    S: Send + Sync + 'static,
    R: Fn(Arc<S>) -> F + Copy + Send + 'static,
    F: Future<Output = Result<http::Response<Body>, Error>> + Send + 'static,
{
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let prepared = Arc::new(prepare.await?);
        let service = service_fn(move |_request: Request| respond(Arc::clone(&prepared)));
        lambda_http::run_concurrent(service).await
    })
}
