//! The error responses of the functions.

use serde_json::{Value, json};
use shared::http::{self, ERRORS, Problem};
use shared::safety::{Resource, resources};
use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::schema::{AllOfBuilder, ArrayBuilder, Components, ObjectBuilder, Schema};
use utoipa::openapi::{Ref, RefOr, Response, ResponseBuilder};
use utoipa::{PartialSchema as _, ToSchema};

use crate::examples::REQUEST_ID;
use crate::gateway;
use crate::parameters::header;

/// A kind of error.
pub(crate) struct ErrorKind {
    pub(crate) code: String,
    pub(crate) status: String,
    title: String,
    /// The cause and the remedy.
    description: String,
    /// The problem details of an example.
    example: Value,
}

/// Returns every kind of error, from the table of errors.
pub(crate) fn all() -> Vec<ErrorKind> {
    ERRORS.iter().filter_map(ErrorKind::new).collect()
}

impl ErrorKind {
    fn new(row: &http::ErrorKind) -> Option<Self> {
        let example = serde_json::to_value(Problem::new(&(row.example)(), REQUEST_ID, &[])).ok()?;
        let description = format!("{} {}", row.when, row.remedy);
        let (code, status, title) = (row.code.to_owned(), row.status.as_str().to_owned(), row.title.to_owned());
        Some(Self { code, status, title, description, example })
    }

    fn example_with_resources(&self) -> Value {
        let mut example = self.example.clone();
        if let Some(members) = example.as_object_mut() {
            members.insert("resources".to_owned(), json!(resources(None)));
        }
        example
    }
}

/// Adds the schemas of errors, and an example and a response for each kind.
pub(crate) fn add(components: &mut Components) {
    let kinds = all();
    let mut schemas = vec![
        (Problem::name().into(), problem(&kinds)),
        (PROBLEM_WITH_RESOURCES.to_owned(), problem_with_resources().into()),
    ];
    Problem::schemas(&mut schemas);
    components.schemas.extend(schemas);
    for kind in &kinds {
        let example = ExampleBuilder::new().summary(&kind.title).description(&kind.description);
        let example = example.value(Some(kind.example.clone())).build();
        components.examples.insert(kind.code.clone(), example.into());
        components.responses.insert(kind.code.clone(), inline_response(&[kind], false).into());
    }
}

/// Returns the response for the errors of one status. With resources, each error lists places to
/// turn to.
pub(crate) fn response(kinds: &[&ErrorKind], with_resources: bool) -> RefOr<Response> {
    match kinds {
        [kind] if !with_resources => Ref::from_response_name(&kind.code).into(),
        _ => inline_response(kinds, with_resources).into(),
    }
}

fn inline_response(kinds: &[&ErrorKind], with_resources: bool) -> Response {
    let descriptions: Vec<_> = kinds.iter().map(|kind| format!("`{}`: {}", kind.code, kind.description)).collect();
    let status = kinds.first().map(|kind| kind.status.as_str()).unwrap_or_default();
    let mut response = ResponseBuilder::new()
        .description(descriptions.join("\n\n"))
        .content("application/problem+json", content(kinds, with_resources));
    if let Some(message) = gateway::content(status) {
        response = response.content("application/json", message);
    }
    let mut response = response.build();
    for name in headers(status) {
        response.headers.insert((*name).to_owned(), header(name));
    }
    response
}

/// Returns the headers that errors of a status have.
pub(crate) fn headers(status: &str) -> &'static [&'static str] {
    match status {
        "401" => &["WWW-Authenticate"],
        "429" | "503" => &["Retry-After"],
        _ => &[],
    }
}

/// Returns the problem details of errors, with an example of each.
pub(crate) fn content(kinds: &[&ErrorKind], with_resources: bool) -> Content {
    let schema = if with_resources { PROBLEM_WITH_RESOURCES.into() } else { Problem::name() };
    let example = |kind: &ErrorKind| -> RefOr<Example> {
        match with_resources {
            true => ExampleBuilder::new().summary(&kind.title).value(Some(kind.example_with_resources())).into(),
            false => RefOr::Ref(Ref::new(format!("#/components/examples/{}", kind.code))),
        }
    };
    ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(schema)))
        .examples_from_iter(kinds.iter().map(|kind| (kind.code.as_str(), example(kind))))
        .build()
}

/// Returns the schema of problem details, with all codes.
fn problem(kinds: &[ErrorKind]) -> RefOr<Schema> {
    let mut schema = Problem::schema();
    if let RefOr::T(Schema::Object(problem)) = &mut schema
        && let Some(RefOr::T(Schema::Object(code))) = problem.properties.get_mut("code")
    {
        code.enum_values = Some(kinds.iter().map(|kind| kind.code.as_str().into()).collect());
    }
    schema
}

const PROBLEM_WITH_RESOURCES: &str = "ProblemWithResources";

fn problem_with_resources() -> Schema {
    let resources = ArrayBuilder::new().items(Ref::from_schema_name(Resource::name())).description(Some(
        "Crisis services of the person's country, or of the United States if the country is unknown. The last \
        one is an international directory.",
    ));
    let object = ObjectBuilder::new().property("resources", resources).required("resources");
    AllOfBuilder::new()
        .item(Ref::from_schema_name(Problem::name()))
        .item(object)
        .description(Some("An error of `POST /api/chat`. It also lists crisis services."))
        .into()
}
