//! `GET /health/detailed`: what the service depends on, and how it performs; `DELETE` forgets the figures, for tests.
//!
//! Both are for operators. Anybody else learns from the first what `GET /health` tells everybody.

mod dependencies;
mod response;

use std::process::ExitCode;
use std::time::Duration;

use futures_util::future::join;
use jiff::Timestamp;
use request_stats::{Report, Table, Window};
use serde_json::Value;
use shared::domain::request;
use shared::domain::validation::{DefaultField, Field, OrDefault, Parsed, schema};
use shared::http::{Request, Response};
use shared::{AppState, Error, Result};
use tokio::sync::OnceCell;
use tokio::time::timeout;
use utoipa::openapi::schema::Schema;

use self::dependencies::{Dependencies, Status};
use self::response::{Details, Health, Summary};

fn main() -> ExitCode {
    shared::run(handle)
}

/// How long an answer waits for the figures: it comes within a second, with them or without.
const BUDGET: Duration = Duration::from_millis(900);

static TABLE: OnceCell<Table> = OnceCell::const_new();

/// Responds by the method: reports on the service, or resets the figures.
///
/// # Errors
/// Returns the errors of both.
async fn handle(state: &AppState, request: Request) -> Result<Response> {
    match request.endpoint().starts_with("DELETE ") {
        true => reset(state, &request).await,
        false => show(state, &request).await,
    }
}

/// Reports the performance of the service.
///
/// Reports on the dependencies, and on the requests of a window, to a client that sends the
/// operator's key as a bearer token. Any other client gets the response of `GET /health`.
#[utoipa::path(
    get,
    path = "/health/detailed",
    operation_id = "health-detailed",
    tag = "service",
    params(ReportQuery),
    responses(
        (status = 200, description = "The service works.", body = inline(Health)),
        (status = 503, description = "The service does not work, or does not respond in time.", body = inline(Health)),
    )
)]
async fn show(state: &AppState, request: &Request) -> Result<Response> {
    let ReportQuery { window } = request.query().parse()?;
    let version = env!("CARGO_PKG_VERSION");

    let (status, health) = if request.is_operator(state) {
        let (dependencies, performance) = Box::pin(join(Dependencies::check(state), report(state, window))).await;
        let status = dependencies.status();
        let Dependencies { database, redis, llm } = dependencies;
        let details = Details { status, version, database, redis, llm, performance };
        (status, Health::Details(Box::new(details)))
    } else {
        // As `GET /health`: the model is asked for operators only.
        let status = Status::of_backends(state).await;
        (status, Health::Summary(Summary { status, version }))
    };

    Response::health(&health, status != Status::Unhealthy)
}

/// Resets the figures.
///
/// Deletes the figures that `GET /health/detailed` reports, for tests. It takes the operator's key
/// as a bearer token.
#[utoipa::path(
    delete,
    path = "/health/detailed",
    operation_id = "health-detailed-reset",
    tag = "service",
    security(("bearerAuth" = [])),
    responses((status = 204, description = "The figures are deleted."))
)]
async fn reset(state: &AppState, request: &Request) -> Result<Response> {
    if !request.is_operator(state) {
        return Err(Error::Unauthenticated("The Authorization header holds no operator's key."));
    }
    let table = table(state).await.ok_or_else(|| Error::unavailable("there is no table of requests"))?;
    table.reset(Timestamp::now()).await.map_err(Error::unavailable)?;
    Ok(Response::no_content())
}

request! {
    /// Which requests to report on.
    #[derive(Debug)]
    struct ReportQuery {
        /// How far back to look, in minutes or hours: between 1m and 24h. A window of over six hours
        /// begins on the hour.
        window: OrDefault<WindowField>,
    }
}

/// A window such as `15m`.
#[derive(Debug)]
enum WindowField {}

impl Field for WindowField {
    type Value = Window;

    fn parse(value: &Value) -> Parsed<Window> {
        value.as_str().unwrap_or_default().parse()
    }

    fn schema() -> Schema {
        schema::string().pattern(Some(r"^\d{1,4}[mh]$")).into()
    }
}

impl DefaultField for WindowField {
    const DEFAULT: Window = Window::DEFAULT;
}

async fn report(state: &AppState, window: Window) -> Option<Report> {
    let table = table(state).await?;
    match timeout(BUDGET, table.report(window, Timestamp::now())).await {
        Ok(Ok(report)) => Some(report),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the table of requests cannot be read");
            None
        }
        Err(_) => {
            tracing::warn!(error = "no answer in time", "the table of requests cannot be read");
            None
        }
    }
}

async fn table(state: &AppState) -> Option<&'static Table> {
    let name = state.performance_table.as_deref()?;
    Some(TABLE.get_or_init(|| Table::open(name)).await)
}
