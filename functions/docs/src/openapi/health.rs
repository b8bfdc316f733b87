//! How well the service is.

#![expect(dead_code, reason = "only the schemas are used")]

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::path::HttpMethod::{Delete, Get};
use utoipa::openapi::schema::{AnyOfBuilder, ComponentsBuilder};
use utoipa::openapi::{Ref, RefOr, ResponseBuilder};

use super::operation::Operation;
use super::parameter::{query, text};
use super::problem::header;
use super::{REQUEST_ID, referred};

/// Whether the service can do its work.
#[derive(ToSchema)]
struct Health {
    #[schema(inline)]
    status: Status,
    /// The release.
    version: String,
}

/// Without the cache or the model the service is slower or says less, but it is there: `degraded`. Without the database it is `unhealthy`.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
enum Status {
    Healthy,
    Degraded,
    Unhealthy,
}

/// Whether the service can do its work, what it depends on, and how it performs.
#[derive(ToSchema)]
struct HealthDetails {
    #[schema(inline)]
    status: Status,
    /// The release.
    version: String,
    #[schema(inline)]
    database: Dependency,
    #[schema(inline)]
    redis: Dependency,
    #[schema(inline)]
    llm: ModelDependency,
    /// Null when the figures cannot be had.
    performance: Option<Performance>,
}

/// What the service depends on.
#[derive(ToSchema)]
struct Dependency {
    #[schema(inline)]
    status: DependencyStatus,
    /// How long it took to answer, in milliseconds.
    response_time_ms: f64,
}

#[derive(ToSchema)]
struct ModelDependency {
    #[schema(inline)]
    status: DependencyStatus,
    /// How long it took to answer, in milliseconds.
    response_time_ms: f64,
    /// The model; `built-in` for the companion that needs no server.
    model: String,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
enum DependencyStatus {
    Healthy,
    Unhealthy,
}

/// How requests fared in a window. Times are in seconds, percentiles right to within one percent, rates between 0 and 1; what nothing was
/// measured for is null.
#[derive(ToSchema)]
struct Performance {
    window_seconds: u64,
    from: Timestamp,
    to: Timestamp,
    /// Requests.
    count: u64,
    /// The share that was answered with 5xx.
    error_rate: Option<f64>,
    /// By route.
    #[schema(inline)]
    endpoints: BTreeMap<String, EndpointPerformance>,
    #[schema(inline)]
    cache: CacheUse,
    /// The latest first, twenty at most.
    #[schema(inline)]
    slow_queries: Vec<SlowQuery>,
    slow_query_count: u64,
    /// By minute, in sixty steps, or by hour; the earliest first.
    #[schema(inline)]
    timeline: Vec<Step>,
}

#[derive(ToSchema)]
struct EndpointPerformance {
    count: u64,
    avg_time: f64,
    min_time: f64,
    max_time: f64,
    error_rate: Option<f64>,
    /// The share that was answered with 4xx.
    client_error_rate: Option<f64>,
    /// Statements in the database.
    queries_per_request: Option<f64>,
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
}

#[derive(ToSchema)]
struct CacheUse {
    hit_rate: Option<f64>,
    /// By family of records.
    #[schema(inline)]
    families: BTreeMap<String, FamilyUse>,
}

#[derive(ToSchema)]
struct FamilyUse {
    hits: u64,
    misses: u64,
    hit_rate: Option<f64>,
}

#[derive(ToSchema)]
struct SlowQuery {
    at: Timestamp,
    /// The statement's name, as `cargo xtask explain` takes it.
    statement: String,
    duration_ms: u64,
    /// Null when the statement failed.
    rows: Option<u64>,
    endpoint: Option<String>,
    request_id: Option<String>,
}

#[derive(ToSchema)]
struct Step {
    at: Timestamp,
    count: u64,
    errors: u64,
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
}

pub(super) fn components(components: ComponentsBuilder) -> ComponentsBuilder {
    let schemas = [referred::<Health>, referred::<HealthDetails>, referred::<Performance>];
    schemas.into_iter().fold(components, |components, add| add(components))
}

pub(super) fn operations() -> Vec<Operation> {
    let tag = "service";
    let version = env!("CARGO_PKG_VERSION");
    let window = query(
        "window",
        "How far back, in minutes or hours: between 1m and 24h. One of over six hours begins with a full hour.",
        text().pattern(Some("^\\d{1,4}[mh]$")),
        "15m",
    );
    vec![
        Operation::new(Get, "/health", "health", tag)
            .about(
                "Is it well?",
                "Whether the service can do its work. Without the cache it is slower but whole: `degraded`. Without the database it is \
                `unhealthy`, and the status is 503.",
            )
            .open()
            .answers(200, "It can.", "Health", [
                ("healthy", "All is well", json!({"status": "healthy", "version": version})),
                ("degraded", "Without the cache", json!({"status": "degraded", "version": version})),
            ])
            .answers_by(503, unable(version, &["Health", "GatewayMessage"])),
        Operation::new(Get, "/health/detailed", "health-detailed", tag)
            .about(
                "How does it perform?",
                "What the service depends on, and how its requests fared in a window, for whoever shows the operator's key as a bearer token. \
                Anybody else is told what `GET /health` tells.",
            )
            .open()
            .parameter(window)
            .answers_with(200, "It can.", "application/json", either(&["HealthDetails", "Health"]), [
                ("detailed", "For an operator", details(version)),
                ("reduced", "For anybody else", json!({"status": "healthy", "version": version})),
            ])
            .answers_by(503, unable(version, &["HealthDetails", "Health", "GatewayMessage"])),
        Operation::new(Delete, "/health/detailed", "health-detailed-reset", tag)
            .about(
                "Forget the figures",
                "Forgets what `GET /health/detailed` tells of requests, for tests. It takes the operator's key as a bearer token.",
            )
            .signed_in()
            .answers_nothing("They are forgotten."),
    ]
}

fn details(version: &str) -> Value {
    let (p50, p95, p99) = (0.0021, 0.0093, 0.0307);
    let at = "2026-11-02T08:14:00Z";
    json!({
        "status": "healthy", "version": version,
        "database": {"status": "healthy", "response_time_ms": 2.34},
        "redis": {"status": "healthy", "response_time_ms": 0.41},
        "llm": {"status": "healthy", "response_time_ms": 181.2, "model": "small"},
        "performance": {
            "window_seconds": 60, "from": at, "to": "2026-11-02T08:14:42.094482Z", "count": 1250, "error_rate": 0.0016,
            "endpoints": {"GET /api/journal/entries": {
                "count": 1250, "avg_time": 0.0034, "min_time": 0.0009, "max_time": 0.0456, "error_rate": 0.0016,
                "client_error_rate": 0.0, "queries_per_request": 0.2, "p50": p50, "p95": p95, "p99": p99,
            }},
            "cache": {"hit_rate": 0.9, "families": {"journal:list": {"hits": 1125, "misses": 125, "hit_rate": 0.9}}},
            "slow_queries": [{
                "at": "2026-11-02T08:14:31.17Z", "statement": "journal.filtered", "duration_ms": 231, "rows": 20,
                "endpoint": "GET /api/journal/entries", "request_id": REQUEST_ID,
            }],
            "slow_query_count": 1,
            "timeline": [{"at": at, "count": 1250, "errors": 2, "p50": p50, "p95": p95, "p99": p99}],
        },
    })
}

fn either(schemas: &[&str]) -> AnyOfBuilder {
    let schemas = schemas.iter().map(|name| Ref::from_schema_name(*name));
    schemas.fold(AnyOfBuilder::new(), AnyOfBuilder::item)
}

/// Says the function itself, or the gateway when there is none.
fn unable(version: &str, schemas: &[&str]) -> ResponseBuilder {
    let example = |summary: &str, value| ExampleBuilder::new().summary(summary).value(Some(value)).build();
    let content = ContentBuilder::new().schema(Some(either(schemas))).examples_from_iter([
        ("unhealthy", example("Without the database", json!({"status": "unhealthy", "version": version}))),
        ("gateway", example("From API Gateway", json!({"message": "Service Unavailable"}))),
    ]);
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem")));
    let unavailable = RefOr::Ref(Ref::new("#/components/examples/unavailable"));
    let problem = problem.examples_from_iter([("unavailable", unavailable)] as [(_, RefOr<Example>); 1]);
    ResponseBuilder::new()
        .description("It cannot, or not in time.")
        .content("application/json", content.build())
        .content("application/problem+json", problem.build())
        .header_ref("Retry-After", header("Retry-After"))
}
