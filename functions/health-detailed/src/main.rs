//! `GET /health/detailed`: reports the state of the dependencies and the performance of the
//! service. `DELETE /health/detailed` deletes the figures, for tests.
//!
//! Both are for operators. Other clients get the response of `GET /health` from the first.

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

/// How long the response waits for the figures. It arrives within a second, with them or without.
const BUDGET: Duration = Duration::from_millis(900);

static TABLE: OnceCell<Table> = OnceCell::const_new();

/// Responds to the method of the request: reports on the service, or deletes the figures.
///
/// # Errors
/// The errors of [`show`] and [`reset`].
async fn handle(state: &AppState, request: Request) -> Result<Response> {
    match request.endpoint().starts_with("DELETE ") {
        true => reset(state, &request).await,
        false => show(state, &request).await,
    }
}

/// Reports the performance of the service.
///
/// Reports the state of the dependencies and the request statistics of a time window to a client
/// that sends the operator key as a bearer token. Any other client gets the response of
/// `GET /health`.
#[utoipa::path(
    get,
    path = "/health/detailed",
    operation_id = "health-detailed",
    tag = "service",
    params(ReportQuery),
    responses(
        (status = 200, description = "The service works, but may be degraded.", body = inline(Health)),
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
        // The same checks as in `GET /health`: only operators see the state of the model.
        let status = Status::of_backends(state).await;
        (status, Health::Summary(Summary { status, version }))
    };

    Response::health(&health, status != Status::Unhealthy)
}

/// Deletes the performance figures.
///
/// Deletes the figures that `GET /health/detailed` reports. This is meant for tests. It requires
/// the operator key as a bearer token.
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
        return Err(Error::Unauthenticated(
            "This request requires the operator key. Send the operator key as a bearer token.",
        ));
    }
    let table = table(state).await.ok_or_else(|| Error::unavailable("no table of requests is configured"))?;
    table.reset(Timestamp::now()).await.map_err(Error::unavailable)?;
    Ok(Response::no_content())
}

request! {
    /// The query parameters of `GET /health/detailed`.
    #[derive(Debug)]
    struct ReportQuery {
        /// The length of the time window that ends now, in minutes or hours, from `1m` to `24h`.
        /// The default is `15m`. A window longer than six hours begins on the hour.
        window: OrDefault<WindowField>,
    }
}

/// A time window such as `15m`.
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
            tracing::warn!(%error, "could not read the request statistics; the response does not include them");
            None
        }
        Err(_) => {
            tracing::warn!(
                error = "no response in time",
                "could not read the request statistics; the response does not include them"
            );
            None
        }
    }
}

async fn table(state: &AppState) -> Option<&'static Table> {
    let name = state.performance_table.as_deref()?;
    Some(TABLE.get_or_init(|| Table::open(name)).await)
}
