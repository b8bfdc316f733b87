//! Examples of the service itself.

use serde_json::{Value, json};

use super::{Example, Examples, REQUEST_ID};

const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) fn examples(operation_id: &str) -> Option<Examples> {
    let health = |status: &str| json!({"status": status, "version": VERSION});
    let unhealthy = [Example::new("unhealthy", "The database is unavailable", health("unhealthy"))];
    Some(match operation_id {
        "docs-index" => {
            let index = json!({"message": "Kai API", "version": VERSION, "docs": "/docs"});
            Examples::response("200", [Example::new("index", "The name and the version", index)])
        }
        "docs" | "docs-dashboard" => {
            Examples::response("200", [Example::new("page", "The start of the page", json!("<!DOCTYPE html>"))])
        }
        "docs-openapi" => {
            let document = json!({"openapi": "3.1.0"});
            Examples::response("200", [Example::new("document", "The start of the document", document)])
        }
        "health" => Examples::response(
            "200",
            [
                Example::new("healthy", "The service is healthy", health("healthy")),
                Example::new("degraded", "The cache is unavailable", health("degraded")),
            ],
        )
        .and_response("503", unhealthy),
        "health-detailed" => Examples::response(
            "200",
            [
                Example::new("detailed", "For an operator", details()),
                Example::new("reduced", "For any other client", health("healthy")),
            ],
        )
        .and_response("503", unhealthy)
        .parameters([("window", json!("15m"))]),
        _ => return None,
    })
}

fn details() -> Value {
    let (p50, p95, p99) = (0.0021, 0.0093, 0.0307);
    let at = "2026-11-02T08:14:00Z";
    json!({
        "status": "healthy", "version": VERSION,
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
