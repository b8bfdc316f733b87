//! The baseline for a query: one unnamed, typed statement and a constant response. The baseline
//! fetches the rows and drops them.
//!
//! `BASELINE_QUERY` is the statement. `BASELINE_USER` is the id for `$1`, if the statement has one.

use std::sync::Arc;

use baselines::{connect_postgres, variable};
use lambda_http::{Body, Error};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

struct Baseline {
    client: Client,
    query: String,
    user: Option<Uuid>,
}

fn main() -> Result<(), Error> {
    baselines::run(prepare(), respond)
}

async fn prepare() -> Result<Baseline, Error> {
    Ok(Baseline {
        query: variable("BASELINE_QUERY")?,
        user: variable("BASELINE_USER").ok().map(|id| id.parse()).transpose()?,
        client: connect_postgres(&variable("DATABASE_URL")?).await?,
    })
}

async fn respond(baseline: Arc<Baseline>) -> Result<http::Response<Body>, Error> {
    let params: Vec<(&(dyn ToSql + Sync), Type)> = baseline.user.iter().map(|id| (id as _, Type::UUID)).collect();
    baseline.client.query_typed(&baseline.query, &params).await?;
    Ok(baselines::constant())
}
