//! The floor under a query: one unnamed, typed statement, and a constant answer. The rows are fetched and dropped.
//!
//! `FLOOR_QUERY` is the statement, `FLOOR_USER` the id that stands for its `$1`, if it has one.

use std::sync::Arc;

use baselines::{connect_postgres, variable};
use lambda_http::{Body, Error};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

struct Floor {
    client: Client,
    query: String,
    user: Option<Uuid>,
}

fn main() -> Result<(), Error> {
    baselines::run(prepare(), answer)
}

async fn prepare() -> Result<Floor, Error> {
    Ok(Floor {
        query: variable("FLOOR_QUERY")?,
        user: variable("FLOOR_USER").ok().map(|id| id.parse()).transpose()?,
        client: connect_postgres(&variable("DATABASE_URL")?).await?,
    })
}

async fn answer(floor: Arc<Floor>) -> Result<http::Response<Body>, Error> {
    let params: Vec<(&(dyn ToSql + Sync), Type)> = floor.user.iter().map(|id| (id as _, Type::UUID)).collect();
    floor.client.query_typed(&floor.query, &params).await?;
    Ok(baselines::constant())
}
