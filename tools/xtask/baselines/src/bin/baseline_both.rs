//! The baseline for a cold start: opens both connections concurrently during INIT and returns a
//! constant response.

use std::future::ready;

use baselines::{connect_postgres, connect_redis, variable};
use futures_util::future::try_join;
use lambda_http::Error;

fn main() -> Result<(), Error> {
    let connect = async {
        let (redis, postgres) = (variable("REDIS_URL")?, variable("DATABASE_URL")?);
        try_join(connect_redis(&redis), connect_postgres(&postgres)).await
    };
    // Both connections stay open until the environment ends, as in a function.
    baselines::run(connect, |_connections| ready(Ok(baselines::constant())))
}
