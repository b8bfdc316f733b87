//! What the floors have in common: the runtime, the connections and the answer of the functions, and nothing of their work.
//!
//! A package of its own, for Cargo then builds them with the dependencies and the features that the functions have, and no others.

mod cache;
mod database;
mod environment;
mod reply;

pub use cache::connect as connect_redis;
pub use database::connect as connect_postgres;
pub use environment::variable;
pub use reply::{constant, json, packed};

use std::future::Future;
use std::sync::Arc;

use lambda_http::{Body, Error, Request, service_fn};
use tokio::runtime::Builder;

/// Runs a floor as the functions are run that serve one request at a time: what `prepare` returns is made during INIT, and
/// `answer` is called with it for each request.
///
/// # Errors
/// The floor cannot be prepared, or the environment is none of Lambda's.
pub fn run<S, A, F>(prepare: impl Future<Output = Result<S, Error>>, answer: A) -> Result<(), Error>
where
    S: Send + Sync + 'static,
    A: Fn(Arc<S>) -> F + Copy + Send + 'static,
    F: Future<Output = Result<http::Response<Body>, Error>> + Send + 'static,
{
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let prepared = Arc::new(prepare.await?);
        let service = service_fn(move |_request: Request| answer(Arc::clone(&prepared)));
        lambda_http::run_concurrent(service).await
    })
}
