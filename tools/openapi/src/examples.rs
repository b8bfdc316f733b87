//! Examples of parameters, bodies and responses that belong to an operation.
//!
//! The example of a type is in the attributes of the type, as `#[schema(examples(…))]`. A body or a
//! response without examples of its own shows the example of its type.

mod accounts;
mod chat;
mod journal;
mod profile;
mod service;

use serde_json::Value;
use utoipa::PartialSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::example::{self, ExampleBuilder};
use utoipa::openapi::schema::Schema;

pub(crate) const USER_ID: &str = "0192f0c1-7a3b-7c4d-8e5f-102132435465";
pub(crate) const ENTRY_ID: &str = "0192f2fd-5c3e-7a90-b1d2-c3e4f5061728";
pub(crate) const REQUEST_ID: &str = "5db13d6f-5684-46a8-bfde-968b08326dd6";
const NEXT_CURSOR: &str = "2026-11-02T18:41:12.094482Z_0192f2fd-5c3e-7a90-b1d2-c3e4f5061728";

/// The examples of an operation.
#[derive(Debug, Default)]
pub(crate) struct Examples {
    /// The examples of parameters by name.
    pub(crate) parameters: Vec<(&'static str, Value)>,
    pub(crate) body: Vec<Example>,
    /// The examples of responses by status.
    pub(crate) responses: Vec<(&'static str, Vec<Example>)>,
}

/// An example of a body or a response.
#[derive(Debug)]
pub(crate) struct Example {
    pub(crate) name: &'static str,
    summary: &'static str,
    value: Value,
}

/// Returns the examples of an operation.
pub(crate) fn examples(operation_id: &str) -> Examples {
    let all = [accounts::examples, chat::examples, journal::examples, profile::examples, service::examples];
    all.into_iter().find_map(|examples| examples(operation_id)).unwrap_or_default()
}

/// Returns the example in the attributes of a type.
fn example_of<T: PartialSchema>() -> Value {
    example_in(&T::schema()).cloned().unwrap_or_default()
}

/// Returns the first example of an object's schema.
pub(crate) fn example_in(schema: &RefOr<Schema>) -> Option<&Value> {
    match schema {
        RefOr::T(Schema::Object(object)) => object.examples.first(),
        _ => None,
    }
}

impl Example {
    fn new(name: &'static str, summary: &'static str, value: Value) -> Self {
        Self { name, summary, value }
    }

    pub(crate) fn to_openapi(&self) -> RefOr<example::Example> {
        ExampleBuilder::new().summary(self.summary).value(Some(self.value.clone())).into()
    }
}

impl Examples {
    /// Returns examples of a response.
    fn response<const N: usize>(status: &'static str, examples: [Example; N]) -> Self {
        Self::default().and_response(status, examples)
    }

    fn and_response<const N: usize>(mut self, status: &'static str, examples: [Example; N]) -> Self {
        self.responses.push((status, examples.into()));
        self
    }

    fn body<const N: usize>(self, examples: [Example; N]) -> Self {
        Self { body: examples.into(), ..self }
    }

    fn parameters<const N: usize>(self, examples: [(&'static str, Value); N]) -> Self {
        Self { parameters: examples.into(), ..self }
    }
}
