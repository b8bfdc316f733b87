//! The floor under a cold start: both connections are opened during INIT, side by side, and the answer is constant.

use std::future::ready;

use baselines::{connect_postgres, connect_redis, variable};
use futures_util::future::try_join;
use lambda_http::Error;

fn main() -> Result<(), Error> {
    let connect = async {
        let (redis, postgres) = (variable("REDIS_URL")?, variable("DATABASE_URL")?);
        try_join(connect_redis(&redis), connect_postgres(&postgres)).await
    };
    // Both are held until the environment ends, as a function holds them.
    baselines::run(connect, |_connections| ready(Ok(baselines::constant())))
}
