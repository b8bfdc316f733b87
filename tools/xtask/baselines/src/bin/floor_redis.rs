//! The floor under a cache hit: one pipeline of the same commands over keys and values of the same sizes, and the bytes that came
//! back as the body. Nothing is opened, checked, counted or logged.
//!
//! `FLOOR_KEYS` names a guard, a record, a guard and a record; `FLOOR_BODY` is the length of the body within the last record, and
//! `FLOOR_BASE64` tells whether it is sent as bytes, in base64, or as text.

use std::sync::Arc;

use baselines::{connect_redis, variable};
use lambda_http::{Body, Error};
use redis::Value;
use redis::aio::MultiplexedConnection;

struct Floor {
    connection: MultiplexedConnection,
    keys: Vec<String>,
    body: usize,
    base64: bool,
}

fn main() -> Result<(), Error> {
    baselines::run(prepare(), answer)
}

async fn prepare() -> Result<Floor, Error> {
    Ok(Floor {
        keys: variable("FLOOR_KEYS")?.split(' ').map(str::to_owned).collect(),
        body: variable("FLOOR_BODY")?.parse()?,
        base64: variable("FLOOR_BASE64")?.parse()?,
        connection: connect_redis(&variable("REDIS_URL")?).await?,
    })
}

async fn answer(floor: Arc<Floor>) -> Result<http::Response<Body>, Error> {
    let mut pipeline = redis::pipe();
    // A live guard is never replaced, so that a constant costs what a fresh generation does.
    let generation = b"g0123456789abcdef";
    for pair in floor.keys.chunks(2) {
        let [guard, record] = pair else { return Err("FLOOR_KEYS are pairs".into()) };
        pipeline.cmd("SET").arg(guard).arg(generation).arg("NX").arg("GET").arg("EX").arg(90_000);
        pipeline.cmd("GET").arg(record);
    }
    let mut values: Vec<Value> = pipeline.query_async(&mut floor.connection.clone()).await?;
    let Some(Value::BulkString(mut body)) = values.pop() else { return Err("the record is gone".into()) };
    body.truncate(floor.body);
    Ok(if floor.base64 { baselines::packed(body) } else { baselines::json(String::from_utf8(body)?) })
}
