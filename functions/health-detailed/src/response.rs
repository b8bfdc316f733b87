//! The response of `GET /health/detailed`.

use request_stats::Report;
use serde::Serialize;
use utoipa::openapi::schema::{AnyOfBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::dependencies::{Dependency, Model, Status};

/// The response: the details for an operator, the summary for any other client.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Health {
    Details(Box<Details>),
    Summary(Summary),
}

// The schema is `anyOf` and not `oneOf`, because details are also a valid summary.
impl PartialSchema for Health {
    fn schema() -> RefOr<Schema> {
        let schemas = [Details::name(), Summary::name()].map(Ref::from_schema_name);
        schemas.into_iter().fold(AnyOfBuilder::new(), AnyOfBuilder::item).into()
    }
}

impl ToSchema for Health {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Details::name().into(), Details::schema()));
        Details::schemas(schemas);
        schemas.push((Summary::name().into(), Summary::schema()));
    }
}

/// Whether the service works.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health)]
pub(crate) struct Summary {
    #[schema(inline)]
    pub(crate) status: Status,
    /// The version of the service, such as `0.1.0`.
    pub(crate) version: &'static str,
}

/// Whether the service works, the state of its dependencies, and its performance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HealthDetails)]
pub(crate) struct Details {
    #[schema(inline)]
    pub(crate) status: Status,
    /// The version of the service, such as `0.1.0`.
    pub(crate) version: &'static str,
    #[schema(inline)]
    pub(crate) database: Dependency,
    #[schema(inline)]
    pub(crate) redis: Dependency,
    #[schema(inline)]
    pub(crate) llm: Model,
    /// The request statistics of the time window, or null if they are unavailable.
    pub(crate) performance: Option<Report>,
}
