//! Completes the operations: adds what follows from the declaration at the handler.
//!
//! | declared | added |
//! |---|---|
//! | every operation | headers of all responses, `internal`, `unavailable`, API Gateway's own 429 |
//! | `security` | `unauthenticated` |
//! | a parameter | its definition if it is a shared one, or else its example; `invalid_fields` |
//! | `Idempotency-Key` | `idempotency_key_reused` |
//! | `If-Match` | `precondition_failed` |
//! | `If-None-Match` | 304, `ETag`, and `X-Cache` for an operation that needs a session |
//! | a body or a response | its examples, or the example of its type |
//! | a body | `malformed`, `too_large`, `unsupported_media_type`, `invalid_fields` |
//! | a parameter of the path | API Gateway's own 404, unless the function itself responds 404 |
//! | a response with an error's code as its description | the response of that error |

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Content, PathItem, Paths, RefOr, Response, ResponseBuilder};

use crate::errors::{self, ErrorKind};
use crate::examples::{Example, Examples, example_in, examples};
use crate::gateway;
use crate::parameters::{header, shared_parameter};
use crate::unwrapped;

/// The extension of an operation whose errors all list crisis services.
const ERRORS_HAVE_RESOURCES: &str = "x-errors-have-resources";

/// The schemas of the document by name.
type Schemas = BTreeMap<String, RefOr<Schema>>;

/// Completes every operation of the document.
///
/// # Errors
/// An operation declares an error that does not exist.
pub(crate) fn complete(paths: &mut Paths, schemas: &Schemas) -> Result<()> {
    let kinds = errors::all();
    for (path, item) in &mut paths.paths {
        let mut ids = BTreeSet::new();
        for (method, operation) in operations(item) {
            complete_operation(path, operation, &kinds, schemas).with_context(|| format!("{method} {path}"))?;
            // A handler of several methods declares one id for all of them.
            let id = operation.operation_id.get_or_insert_default();
            if !ids.insert(id.clone()) {
                *id = format!("{id}-{method}");
            }
        }
    }
    Ok(())
}

/// Lists the operations of a path. The method that comes first keeps the id of its handler.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, post, patch, put, delete, .. } = item;
    let methods = [("get", get), ("post", post), ("patch", patch), ("put", put), ("delete", delete)];
    methods.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn complete_operation(path: &str, operation: &mut Operation, kinds: &[ErrorKind], schemas: &Schemas) -> Result<()> {
    let examples = examples(operation.operation_id.as_deref().unwrap_or_default());
    operation.description = operation.description.take().map(|description| unwrapped(&description));
    operation.security.get_or_insert_default();
    let flag = operation.extensions.as_mut().and_then(|extensions| extensions.remove(ERRORS_HAVE_RESOURCES));
    operation.extensions = operation.extensions.take().filter(|extensions| !extensions.is_empty());

    let mut codes = declared_errors(operation, kinds)?;
    codes.extend(implied_errors(operation));
    let is_cacheable = has_parameter(operation, "If-None-Match");
    let is_open = operation.security.as_ref().is_some_and(Vec::is_empty);

    for parameter in operation.parameters.iter_mut().flatten() {
        complete_parameter(parameter, &examples);
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        body.content.values_mut().for_each(|content| add_examples(content, &examples.body, schemas));
    }
    let responses = &mut operation.responses.responses;
    if is_cacheable {
        let response = ResponseBuilder::new().description("The client's copy is still current. There is no body.");
        responses.insert("304".to_owned(), response.into());
    }
    for (status, response) in responses.iter_mut() {
        let RefOr::T(response) = response else { continue };
        let of_cache: &[&str] = match (is_cacheable, is_open) {
            (false, _) => &[],
            (true, false) => &["ETag", "X-Cache"],
            (true, true) => &["ETag"],
        };
        for name in ["X-Request-Id", "X-Response-Time", "Server-Timing"].iter().chain(of_cache) {
            response.headers.insert((*name).to_owned(), header(name));
        }
        let examples = examples.responses.iter().filter(|(of, _)| of == status).flat_map(|(_, examples)| examples);
        response.content.values_mut().for_each(|content| add_examples(content, examples.clone(), schemas));
    }
    add_errors(operation, &codes, kinds, flag.is_some());
    let responses = &mut operation.responses.responses;
    responses.entry("429".to_owned()).or_insert_with(gateway::throttled);
    if path.contains('{') {
        responses.entry("404".to_owned()).or_insert_with(gateway::unrouted);
    }
    Ok(())
}

/// Removes the responses that declare errors, and returns the codes of the errors.
fn declared_errors(operation: &mut Operation, kinds: &[ErrorKind]) -> Result<BTreeSet<String>> {
    let is_error = |status: &str, response: &Response| status >= "400" && response.content.is_empty();
    let declared = operation.responses.responses.extract_if(.., |status, response| match response {
        RefOr::T(response) => is_error(status, response),
        RefOr::Ref(_) => false,
    });
    let mut codes = BTreeSet::new();
    for (status, response) in declared {
        let RefOr::T(Response { description: code, .. }) = response else { continue };
        let exists = kinds.iter().any(|kind| kind.code == code && kind.status == status);
        ensure!(exists, "there is no error {code:?} with the status {status}");
        codes.insert(code);
    }
    Ok(codes)
}

/// Returns the codes of the errors that follow from the declaration.
fn implied_errors(operation: &Operation) -> BTreeSet<String> {
    let mut codes = vec!["internal", "unavailable"];
    if operation.security.iter().flatten().next().is_some() {
        codes.push("unauthenticated");
    }
    if operation.request_body.is_some() {
        codes.extend(["malformed", "too_large", "unsupported_media_type", "invalid_fields"]);
    }
    for parameter in parameters(operation) {
        match parameter.name.as_str() {
            "If-None-Match" => {}
            "Idempotency-Key" => codes.extend(["invalid_fields", "idempotency_key_reused"]),
            "If-Match" => codes.extend(["invalid_fields", "precondition_failed"]),
            _ => codes.push("invalid_fields"),
        }
    }
    codes.into_iter().map(str::to_owned).collect()
}

/// Adds a response for each status of the errors. If the function declares its own response with
/// such a status, as `GET /health` does, that response is extended.
fn add_errors(operation: &mut Operation, codes: &BTreeSet<String>, kinds: &[ErrorKind], with_resources: bool) {
    let kinds: Vec<&ErrorKind> = kinds.iter().filter(|kind| codes.contains(&kind.code)).collect();
    for kinds in kinds.chunk_by(|one, other| one.status == other.status) {
        let Some(ErrorKind { status, .. }) = kinds.first() else { continue };
        let responses = &mut operation.responses.responses;
        let Some(RefOr::T(own)) = responses.get_mut(status) else {
            responses.insert(status.clone(), errors::response(kinds, with_resources));
            continue;
        };
        if let Some(RefOr::T(content)) = own.content.get_mut("application/json")
            && let Some(message) = gateway::content(status)
        {
            gateway::extend(content, message);
        }
        let problem = errors::content(kinds, with_resources);
        own.content.insert("application/problem+json".to_owned(), problem.into());
        own.headers.extend(errors::headers(status).iter().map(|name| ((*name).to_owned(), header(name))));
    }
}

fn complete_parameter(parameter: &mut RefOr<Parameter>, examples: &Examples) {
    let RefOr::T(declared) = parameter else { return };
    if let Some(shared) = shared_parameter(declared) {
        *parameter = RefOr::Ref(shared);
        return;
    }
    let example = examples.parameters.iter().find(|(name, _)| *name == declared.name);
    let declared = ParameterBuilder::from(declared.clone()).example(example.map(|(_, example)| example.clone()));
    *parameter = RefOr::T(declared.build());
}

/// Adds the examples, or the example of the type if there are none.
fn add_examples<'a>(content: &mut RefOr<Content>, examples: impl IntoIterator<Item = &'a Example>, schemas: &Schemas) {
    let RefOr::T(content) = content else { return };
    content.examples.extend(examples.into_iter().map(|example| (example.name.to_owned(), example.to_openapi())));
    if content.examples.is_empty()
        && let Some(RefOr::Ref(schema)) = &content.schema
        && let Some(name) = schema.ref_location.strip_prefix("#/components/schemas/")
        && let Some(example) = schemas.get(name).and_then(example_in)
    {
        let example = ExampleBuilder::new().value(Some(example.clone()));
        content.examples.insert(name.to_owned(), example.into());
    }
}

fn has_parameter(operation: &Operation, name: &str) -> bool {
    parameters(operation).any(|parameter| parameter.name == name)
}

fn parameters(operation: &Operation) -> impl Iterator<Item = &Parameter> {
    operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use utoipa::openapi::ResponseBuilder;
    use utoipa::openapi::path::OperationBuilder;

    use super::*;

    fn declared(status: &str, code: &str) -> Result<BTreeSet<String>> {
        let success = ResponseBuilder::new().description("Success.");
        let error = ResponseBuilder::new().description(code);
        let mut operation = OperationBuilder::new().response("204", success).response(status, error).build();
        let codes = declared_errors(&mut operation, &errors::all())?;
        assert_eq!(operation.responses.responses.keys().collect::<Vec<_>>(), ["204"]);
        Ok(codes)
    }

    #[test]
    fn an_error_is_declared_by_its_code_and_its_status() {
        assert_eq!(declared("404", "not_found").unwrap(), BTreeSet::from(["not_found".to_owned()]));
        for (status, code) in [("404", "missing"), ("409", "not_found")] {
            let error = declared(status, code).unwrap_err().to_string();
            assert!(error.contains(code) && error.contains(status), "{error}");
        }
    }
}
