//! The floor under a query: one unnamed, typed statement, and a constant answer. The rows are fetched and dropped.
//!
//! `FLOOR_QUERY` is the statement, `FLOOR_USER` the id that stands for its `$1`, if it has one.

#[path = "floor/database.rs"]
mod database;
#[path = "floor/environment.rs"]
mod environment;
#[path = "floor/reply.rs"]
mod reply;

use std::sync::Arc;

use lambda_http::{Body, Error, Request, service_fn};
use tokio::runtime::Builder;
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use self::environment::variable;

struct Floor {
    client: Arc<Client>,
    query: String,
    user: Option<Uuid>,
}

fn main() -> Result<(), Error> {
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let floor = Arc::new(Floor {
            query: variable("FLOOR_QUERY")?,
            user: variable("FLOOR_USER").ok().map(|id| id.parse()).transpose()?,
            client: database::connect(&variable("DATABASE_URL")?).await?,
        });
        lambda_http::run_concurrent(service_fn(move |_request: Request| answer(Arc::clone(&floor)))).await
    })
}

async fn answer(floor: Arc<Floor>) -> Result<http::Response<Body>, Error> {
    let params: Vec<(&(dyn ToSql + Sync), Type)> = floor.user.iter().map(|id| (id as _, Type::UUID)).collect();
    floor.client.query_typed(&floor.query, &params).await?;
    Ok(reply::json(Body::from(r#"{"status":"healthy"}"#)))
}
