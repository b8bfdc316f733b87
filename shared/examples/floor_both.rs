//! The floor under a cold start: both connections are opened during INIT, side by side, and the answer is constant.

#[path = "floor/cache.rs"]
mod cache;
#[path = "floor/database.rs"]
mod database;
#[path = "floor/environment.rs"]
mod environment;
#[path = "floor/reply.rs"]
mod reply;

use futures_util::future::try_join;
use lambda_http::{Body, Error, Request, service_fn};
use tokio::runtime::Builder;

use self::environment::variable;

fn main() -> Result<(), Error> {
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let (redis, postgres) = (variable("REDIS_URL")?, variable("DATABASE_URL")?);
        // Held until the environment ends, as a function holds them.
        let _connections = try_join(cache::connect(&redis), database::connect(&postgres)).await?;
        lambda_http::run_concurrent(service_fn(answer)).await
    })
}

async fn answer(_request: Request) -> Result<http::Response<Body>, Error> {
    Ok(reply::json(Body::from(r#"{"status":"healthy"}"#)))
}
