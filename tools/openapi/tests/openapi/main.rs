//! Tests of the OpenAPI document.

#![expect(clippy::panic, clippy::unwrap_used, reason = "test code outside of the test functions themselves")]

mod document;
mod examples;

use serde_json::Value;

/// Returns the assembled document.
fn document() -> Value {
    serde_json::to_value(openapi::document().unwrap()).unwrap()
}

/// Returns every operation with its method and path.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    operations.collect()
}

/// Returns the target of a reference in the document, or the value itself if it is not a reference.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => {
            let target = document.pointer(reference.strip_prefix('#').unwrap());
            target.unwrap_or_else(|| panic!("{reference} has no target"))
        }
        None => value,
    }
}
