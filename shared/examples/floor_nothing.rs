//! The floor under every function: the same runtime, and a constant answer.

#[path = "floor/reply.rs"]
mod reply;

use lambda_http::{Body, Error, Request, service_fn};
use tokio::runtime::Builder;

fn main() -> Result<(), Error> {
    Builder::new_current_thread().enable_all().build()?.block_on(lambda_http::run_concurrent(service_fn(answer)))
}

async fn answer(_request: Request) -> Result<http::Response<Body>, Error> {
    Ok(reply::json(Body::from(r#"{"status":"healthy"}"#)))
}
