//! The service itself.

#![expect(dead_code, reason = "only the schemas are used")]

use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::path::HttpMethod::Get;
use utoipa::openapi::schema::{ComponentsBuilder, ObjectBuilder, Type};

use super::operation::Operation;
use super::parameter::text;
use super::referred;
use crate::Index;

/// What API Gateway answers by itself.
#[derive(ToSchema)]
pub(super) struct GatewayMessage {
    message: String,
}

pub(super) fn components(components: ComponentsBuilder) -> ComponentsBuilder {
    let schemas = [referred::<Index>, referred::<GatewayMessage>];
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
            .about(
                "This document for people",
                "A page that shows the OpenAPI document, and loads nothing from elsewhere.",
            )
            .open()
            .cacheable()
            .answers_with(
                200,
                "The page.",
                "text/html; charset=utf-8",
                text(),
                [("page", "Its beginning", json!("<!DOCTYPE html>"))],
            ),
        Operation::new(Get, "/dashboard", "docs-dashboard", tag)
            .about("How it performs, for people", "A page that shows what `GET /health/detailed` tells, and asks for the operator's key where it needs it.")
            .open()
            .cacheable()
            .answers_with(200, "The page.", "text/html; charset=utf-8", text(), [("page", "Its beginning", json!("<!DOCTYPE html>"))]),
        Operation::new(Get, "/openapi.json", "docs-openapi", tag)
            .about("This document", "The OpenAPI document.")
            .open()
            .cacheable()
            .answers_with(
                200,
                "The document.",
                "application/json",
                object,
                [("document", "Its beginning", json!({"openapi": "3.1.0"}))],
            ),
    ]
}
