//! The service itself.

#![expect(dead_code, reason = "only the schemas are used")]

use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::HttpMethod::Get;
use utoipa::openapi::schema::{AnyOfBuilder, ComponentsBuilder, ObjectBuilder, Type};
use utoipa::openapi::{Ref, ResponseBuilder};

use super::operation::Operation;
use super::parameter::text;
use super::problem::header;
use super::referred;
use crate::Index;

/// Whether the service can do its work.
#[derive(ToSchema)]
pub(super) struct Health {
    #[schema(inline)]
    status: Status,
    /// The release.
    version: String,
}

/// Without the cache the service is slower but whole: `degraded`. Without the database it is `unhealthy`.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(super) enum Status {
    Healthy,
    Degraded,
    Unhealthy,
}

/// What API Gateway answers by itself.
#[derive(ToSchema)]
pub(super) struct GatewayMessage {
    message: String,
}

pub(super) fn components(components: ComponentsBuilder) -> ComponentsBuilder {
    let schemas = [referred::<Index>, referred::<Health>, referred::<GatewayMessage>];
    schemas.into_iter().fold(components, |components, add| add(components))
}

pub(super) fn operations() -> Vec<Operation> {
    let tag = "service";
    let version = env!("CARGO_PKG_VERSION");
    let index = json!({"message": "Kai API", "version": version, "docs": "/docs"});
    let object = ObjectBuilder::new().schema_type(Type::Object);
    let object = object.property("openapi", text().pattern(Some(r"^3\.1\.\d+$"))).required("openapi");
    vec![
        Operation::new(Get, "/", "docs-index", tag)
            .about("What this is", "Names the service and its release.")
            .open()
            .cacheable()
            .answers(200, "The service.", "Index", [("index", "This release", index)]),
        Operation::new(Get, "/docs", "docs", tag)
            .about("This document for people", "A page that shows the OpenAPI document, and loads nothing from elsewhere.")
            .open()
            .cacheable()
            .answers_with(200, "The page.", "text/html; charset=utf-8", text(), [("page", "Its beginning", json!("<!DOCTYPE html>"))]),
        Operation::new(Get, "/openapi.json", "docs-openapi", tag)
            .about("This document", "The OpenAPI document.")
            .open()
            .cacheable()
            .answers_with(200, "The document.", "application/json", object, [(
                "document",
                "Its beginning",
                json!({"openapi": "3.1.0"}),
            )]),
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
            .answers_by(503, unable(version)),
    ]
}

/// Says the function itself, or the gateway when there is none.
fn unable(version: &str) -> ResponseBuilder {
    let either =
        AnyOfBuilder::new().item(Ref::from_schema_name("Health")).item(Ref::from_schema_name("GatewayMessage"));
    let example = |summary: &str, value| ExampleBuilder::new().summary(summary).value(Some(value)).build();
    let content = ContentBuilder::new().schema(Some(either)).examples_from_iter([
        ("unhealthy", example("Without the database", json!({"status": "unhealthy", "version": version}))),
        ("gateway", example("From API Gateway", json!({"message": "Service Unavailable"}))),
    ]);
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem")));
    let unavailable = utoipa::openapi::RefOr::Ref(Ref::new("#/components/examples/unavailable"));
    let problem = problem.examples_from_iter(
        [("unavailable", unavailable)] as [(_, utoipa::openapi::RefOr<utoipa::openapi::example::Example>); 1]
    );
    ResponseBuilder::new()
        .description("It cannot, or not in time.")
        .content("application/json", content.build())
        .content("application/problem+json", problem.build())
        .header_ref("Retry-After", header("Retry-After"))
}
