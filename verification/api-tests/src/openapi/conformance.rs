//! The comparison of responses with the document. The client compares every response that it
//! receives, whichever test sent the request.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use http::Method;
use jsonschema::Validator;
use serde_json::{Value, json};

use super::{DOCUMENT, Operation};
use crate::response::Response;

/// The statuses with which API Gateway itself responds, without or instead of a function.
const GATEWAY_STATUSES: [u16; 7] = [400, 404, 413, 429, 431, 500, 503];

/// The path whose schema describes only a part of the body, which is an OpenAPI document.
const PARTLY_DESCRIBED: &str = "/openapi.json";

/// The maximum length of a body in a message, in characters.
const MAX_QUOTED_CHARS: usize = 2_000;

/// The compiled schemas by their source. Compiling takes longer than validating, and most responses
/// of a process have one of a few schemas.
static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// The components of the document, whose schemas allow only the members that they describe.
static STRICT_COMPONENTS: LazyLock<Value> = LazyLock::new(|| {
    let mut components = DOCUMENT["components"].clone();
    let schemas = components["schemas"].as_object_mut().expect("the document contains schemas");
    schemas.values_mut().for_each(seal_members);
    components
});

impl Operation {
    /// Asserts that the document describes a response of this operation: the status, the headers,
    /// the media type and every member of the body.
    #[track_caller]
    pub fn assert_describes(&self, response: &Response) {
        if let Err(contradiction) = self.describes(response) {
            let body = response.decompressed();
            let body: String = String::from_utf8_lossy(&body).chars().take(MAX_QUOTED_CHARS).collect();
            let (route, status, headers) = (self.route(), response.status, &response.headers);
            panic!("docs/openapi.json, {route}: {contradiction}\n{status} {headers:?} {body}");
        }
    }

    /// Compares a response with the document.
    ///
    /// # Errors
    /// Returns the contradiction.
    fn describes(&self, response: &Response) -> Result<(), String> {
        if is_of_the_gateway(response) {
            return Ok(());
        }
        let status = response.status.to_string();
        let (_, described) = self
            .responses()
            .find(|(described, _)| *described == status)
            .ok_or_else(|| format!("the status {status} is not described"))?;
        for name in described["headers"].as_object().into_iter().flat_map(|headers| headers.keys()) {
            if response.header(name).is_none() {
                return Err(format!("the header {name} is missing"));
            }
        }
        // Tests derive the cached reads from this header.
        if self.method == Method::GET
            && response.status == 200
            && response.header("x-cache").is_some()
            && described["headers"].get("X-Cache").is_none()
        {
            return Err("the header X-Cache is not described".to_owned());
        }
        let Some(media_type) = response.header("content-type") else {
            let is_empty = described.get("content").is_none() && response.body.is_empty();
            return if is_empty { Ok(()) } else { Err("the response has no media type".to_owned()) };
        };
        let schema = &described["content"][media_type]["schema"];
        if !schema.is_object() {
            return Err(format!("the media type {media_type} is not described"));
        }
        let body = match media_type.starts_with("text/") {
            true => json!(response.text()),
            false => response.json(),
        };
        let mut schema = schema.clone();
        if self.path == PARTLY_DESCRIBED {
            schema["unevaluatedProperties"] = json!(true);
        }
        let errors: Vec<String> =
            validator(&schema).iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors.join("\n")) }
    }
}

/// Returns whether API Gateway itself made a response. The functions add an `X-Request-Id` to each
/// of theirs.
fn is_of_the_gateway(response: &Response) -> bool {
    GATEWAY_STATUSES.contains(&response.status)
        && response.header("x-request-id").is_none()
        && serde_json::from_slice::<Value>(&response.body)
            .is_ok_and(|body| body.as_object().is_some_and(|members| members.len() == 1 && body["message"].is_string()))
}

/// Returns the validator for a schema of the document. It allows only members that the schema
/// describes.
pub(super) fn validator(schema: &Value) -> Arc<Validator> {
    let key = schema.to_string();
    // The schemas are valid, so a panic of another test leaves nothing half done.
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    let validator = validators.entry(key).or_insert_with(|| {
        let mut schema = schema.clone();
        seal(&mut schema);
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "components": *STRICT_COMPONENTS,
            "allOf": [schema],
        });
        let options = jsonschema::options().should_validate_formats(true);
        Arc::new(options.build(&schema).expect("the schema is valid"))
    });
    Arc::clone(validator)
}

/// Forbids undescribed members in a schema and in the values of its members. An object without
/// described members is arbitrary.
fn seal(schema: &mut Value) {
    seal_members(schema);
    let describes_members =
        ["properties", "$ref", "allOf", "anyOf", "oneOf"].iter().any(|keyword| schema.get(keyword).is_some());
    let is_open = ["additionalProperties", "unevaluatedProperties"].iter().any(|keyword| schema.get(keyword).is_some());
    if describes_members && !is_open {
        schema["unevaluatedProperties"] = json!(false);
    }
}

/// Forbids undescribed members in the values of the members of a schema. The schema itself may be a
/// part of another one, which describes further members.
fn seal_members(schema: &mut Value) {
    for keyword in ["allOf", "anyOf", "oneOf"] {
        schema.get_mut(keyword).and_then(Value::as_array_mut).into_iter().flatten().for_each(seal_members);
    }
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    properties.into_iter().flat_map(|properties| properties.values_mut()).for_each(seal);
    for keyword in ["items", "additionalProperties"] {
        if let Some(value) = schema.get_mut(keyword).filter(|value| value.is_object()) {
            seal(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn response(status: u16, headers: &[(&'static str, &'static str)], body: &Value) -> Response {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        Response { status, headers, body: body.into(), elapsed: Duration::ZERO }
    }

    const OWN: [(&str, &str); 4] = [
        ("content-type", "application/json"),
        ("server-timing", "total;dur=0.871"),
        ("x-request-id", "5db13d6f"),
        ("x-response-time", "0.0234s"),
    ];

    fn contradiction(route: &str, response: &Response) -> Option<String> {
        Operation::of_route(route).unwrap().describes(response).err()
    }

    #[test]
    fn a_response_that_the_document_describes_is_accepted() {
        let health = json!({"status": "healthy", "version": "0.1.0"});
        assert_eq!(contradiction("GET /health", &response(200, &OWN, &health)), None);
        assert_eq!(contradiction("DELETE /api/account", &response(204, &OWN[1..], &Value::Null)), None);
    }

    #[test]
    fn each_contradiction_is_found() {
        let health = json!({"status": "healthy", "version": "0.1.0"});
        for (what, response) in [
            ("the status 201", response(201, &OWN, &health)),
            ("X-Response-Time", response(200, &OWN[..3], &health)),
            ("X-Cache", response(200, &[&OWN[..], &[("x-cache", "hit")]].concat(), &health)),
            ("media type", response(200, &OWN[1..], &health)),
            ("media type", response(200, &[&[("content-type", "text/plain")], &OWN[1..]].concat(), &health)),
            ("version", response(200, &OWN, &json!({"status": "healthy"}))),
            ("/version", response(200, &OWN, &json!({"status": "healthy", "version": 1}))),
            ("more", response(200, &OWN, &json!({"status": "healthy", "version": "0.1.0", "more": 1}))),
        ] {
            let found = contradiction("GET /health", &response).unwrap();
            assert!(found.contains(what), "{what}: {found}");
        }
        let body = json!({"message": "x"});
        assert!(contradiction("DELETE /api/account", &response(204, &OWN[1..], &body)).is_some());
    }

    #[test]
    fn an_undescribed_member_is_found_at_any_depth() {
        let example = |route: &str| {
            let (_, response) = Operation::of_route(route).unwrap().responses().find(|each| each.0 == "200").unwrap();
            let content = &response["content"]["application/json"];
            let (_, example) = content["examples"].as_object().unwrap().iter().next().unwrap();
            (validator(&content["schema"]), example["value"].clone())
        };
        let (page, mut body) = example("GET /api/journal/entries");
        assert!(page.is_valid(&body));
        body["entries"][0]["weather"] = json!("rain");
        assert!(!page.is_valid(&body));
        // The client defines these members itself.
        let (profile, mut body) = example("GET /api/users/{user_id}/profile");
        body["traits"]["weather"] = json!("rain");
        assert!(profile.is_valid(&body));
    }

    #[test]
    fn only_a_response_without_a_request_id_is_of_the_gateway() {
        let message = json!({"message": "Not Found"});
        assert_eq!(contradiction("GET /health", &response(404, &OWN[..1], &message)), None);
        for other in [
            response(404, &OWN, &message),
            response(404, &OWN[..1], &json!({"message": "Not Found", "more": 1})),
            response(405, &OWN[..1], &message),
        ] {
            assert!(contradiction("GET /health", &other).is_some());
        }
    }

    #[test]
    fn a_request_reaches_the_operation_whose_path_matches_all_segments() {
        let reached = |target: &str| Operation::of_request(&http::Method::GET, target).map(|found| found.path);
        assert_eq!(reached("/api/journal/entries?page=2"), Some("/api/journal/entries"));
        assert_eq!(reached("/api/journal/entries/7"), Some("/api/journal/entries/{entry_id}"));
        assert_eq!(reached("/api/journal/entries/7/8"), None);
        assert_eq!(reached("/api/users//profile"), None);
    }
}
