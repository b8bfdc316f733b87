//! The baseline for a cache hit: one pipeline of the same commands, over keys and values of the
//! same sizes. The response body is the bytes that Redis returned. The baseline does not unseal,
//! check, count or log anything.
//!
//! `BASELINE_KEYS` lists pairs of a guard and a record, separated by spaces. `BASELINE_BODY` is the
//! length in bytes of the body within the last record. `BASELINE_BASE64` is `true` if the body is
//! sent as bytes in base64, and `false` if it is sent as text.

use std::sync::Arc;

use baselines::{connect_redis, variable};
use lambda_http::{Body, Error};
use redis::Value;
use redis::aio::MultiplexedConnection;

struct Baseline {
    connection: MultiplexedConnection,
    keys: Vec<String>,
    body: usize,
    base64: bool,
}

fn main() -> Result<(), Error> {
    baselines::run(prepare(), respond)
}

async fn prepare() -> Result<Baseline, Error> {
    Ok(Baseline {
        keys: variable("BASELINE_KEYS")?.split(' ').map(str::to_owned).collect(),
        body: variable("BASELINE_BODY")?.parse()?,
        base64: variable("BASELINE_BASE64")?.parse()?,
        connection: connect_redis(&variable("REDIS_URL")?).await?,
    })
}

async fn respond(baseline: Arc<Baseline>) -> Result<http::Response<Body>, Error> {
    let mut pipeline = redis::pipe();
    // A live guard is never replaced, so a constant costs as much as a fresh generation.
    let generation = b"g0123456789abcdef";
    for pair in baseline.keys.chunks(2) {
        let [guard, record] = pair else { return Err("BASELINE_KEYS must list pairs of a guard and a record".into()) };
        pipeline.cmd("SET").arg(guard).arg(generation).arg("NX").arg("GET").arg("EX").arg(90_000);
        pipeline.cmd("GET").arg(record);
    }
    let mut values: Vec<Value> = pipeline.query_async(&mut baseline.connection.clone()).await?;
    let Some(Value::BulkString(mut body)) = values.pop() else { return Err("Redis returned no record".into()) };
    body.truncate(baseline.body);
    Ok(if baseline.base64 { baselines::gzipped(body) } else { baselines::json(String::from_utf8(body)?) })
}
