//! `GET /health/detailed`: what the service depends on, and how it performs; `DELETE` forgets the figures, for tests.
//!
//! Both are for operators. Anybody else learns from the first what `GET /health` tells everybody.

mod dependencies;

use std::time::Duration;

use futures_util::future::join;
use jiff::Timestamp;
use request_stats::{Report, Table, Window};
use serde::Serialize;
use serde_json::Value;
use shared::domain::request;
use shared::domain::validation::{DefaultField, Field, OrDefault, Parsed, schema};
use shared::http::{Request, Response};
use shared::{AppState, Error, Result};
use tokio::sync::OnceCell;
use tokio::time::timeout;
use utoipa::openapi::schema::Schema;

use self::dependencies::{Dependencies, Status};

/// How long an answer waits for the figures: it comes within a second, with them or without.
const BUDGET: Duration = Duration::from_millis(900);

static TABLE: OnceCell<Table> = OnceCell::const_new();

/// The answer.
#[derive(Debug, Serialize)]
pub struct Health {
    status: Status,
    version: &'static str,
    #[serde(flatten)]
    details: Option<Details>,
}

/// What operators see besides.
#[derive(Debug, Serialize)]
struct Details {
    #[serde(flatten)]
    dependencies: Dependencies,
    /// Null when the figures cannot be had.
    performance: Option<Report>,
}

/// Answers by the method. Reads `window`, such as `15m`.
///
/// # Errors
/// `invalid_fields`; to forget, also `unauthenticated` for whoever is no operator, and `unavailable` when the table is away.
pub async fn handle(state: &AppState, request: Request) -> Result<Response> {
    if request.endpoint().starts_with("DELETE ") {
        return forget(state, &request).await;
    }
    let ReportQuery { window } = request.query().parse()?;

    let (status, details) = if request.is_operator(state) {
        let (dependencies, performance) = Box::pin(join(Dependencies::check(state), report(state, window))).await;
        (dependencies.status(), Some(Details { dependencies, performance }))
    } else {
        // As `GET /health`: the model is asked for operators only.
        (Status::of_backends(state).await, None)
    };

    Response::health(&Health { status, version: env!("CARGO_PKG_VERSION"), details }, status != Status::Unhealthy)
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

async fn forget(state: &AppState, request: &Request) -> Result<Response> {
    if !request.is_operator(state) {
        return Err(Error::Unauthenticated("The Authorization header holds no operator's key."));
    }
    let table = table(state).await.ok_or_else(|| Error::unavailable("there is no table of requests"))?;
    table.reset(Timestamp::now()).await.map_err(Error::unavailable)?;
    Ok(Response::no_content())
}

async fn table(state: &AppState) -> Option<&'static Table> {
    let name = state.performance_table.as_deref()?;
    Some(TABLE.get_or_init(|| Table::open(name)).await)
}
