//! The response of `GET /health/detailed`.

use request_stats::Report;
use serde::Serialize;
use utoipa::openapi::schema::{AnyOfBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::dependencies::{Dependency, Model, Status};

/// The response: an operator gets the details, any other client the summary.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Health {
    Details(Box<Details>),
    Summary(Summary),
}

// Any of the two and not one of them: details are a valid summary.
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

/// Whether the service can do its work.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health)]
pub(crate) struct Summary {
    #[schema(inline)]
    pub(crate) status: Status,
    /// The release.
    pub(crate) version: &'static str,
}

/// Whether the service can do its work, what it depends on, and how it performs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HealthDetails)]
pub(crate) struct Details {
    #[schema(inline)]
    pub(crate) status: Status,
    /// The release.
    pub(crate) version: &'static str,
    #[schema(inline)]
    pub(crate) database: Dependency,
    #[schema(inline)]
    pub(crate) redis: Dependency,
    #[schema(inline)]
    pub(crate) llm: Model,
    /// Null if the figures are unavailable.
    pub(crate) performance: Option<Report>,
}
