//! The OpenAPI document of the repository and its operations. Tests derive from it the routes, the
//! sessions that they require, and valid requests.

mod conformance;

use std::sync::LazyLock;

use http::Method;
use serde_json::{Value, json};

use self::conformance::validator;

/// The document in `docs/openapi.json`. A test of `GET /openapi.json` checks that the function
/// returns the same document.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../docs/openapi.json")).expect("the document is valid JSON")
});

static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    let paths = DOCUMENT["paths"].as_object().expect("the document contains paths");
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().expect("a path contains operations").iter();
        methods.map(move |(method, definition)| Operation {
            method: method.to_uppercase().parse().expect("the method is valid"),
            path,
            definition,
        })
    });
    operations.collect()
});

/// An operation of the document.
#[derive(Debug)]
pub struct Operation {
    /// The HTTP method, in upper case.
    pub method: Method,
    /// The path with its placeholders, such as `/api/journal/entries/{entry_id}`.
    pub path: &'static str,
    definition: &'static Value,
}

impl Operation {
    /// Returns all operations of the document.
    pub fn all() -> &'static [Self] {
        &OPERATIONS
    }

    /// Returns the operation with this route, such as `GET /health`.
    pub fn of_route(route: &str) -> Option<&'static Self> {
        Self::all().iter().find(|operation| operation.route() == route)
    }

    /// Returns the operation that a request reaches. The target may contain a query.
    pub(crate) fn of_request(method: &Method, target: &str) -> Option<&'static Self> {
        let path = target.split('?').next().unwrap_or_default();
        let candidates = Self::all().iter().filter(|operation| operation.method == method && operation.matches(path));
        // A literal path takes precedence over a placeholder.
        candidates.min_by_key(|operation| operation.path.matches('{').count())
    }

    fn matches(&self, path: &str) -> bool {
        let (mut expected, mut actual) = (self.path.split('/'), path.split('/'));
        let all_match = expected.by_ref().all(|expected| {
            actual.next().is_some_and(|actual| match expected.starts_with('{') {
                true => !actual.is_empty(),
                false => actual == expected,
            })
        });
        all_match && actual.next().is_none()
    }

    /// Returns the method and the path, as in the template: `GET /health`.
    pub fn route(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Returns the id of the operation.
    pub fn id(&self) -> &'static str {
        text(&self.definition["operationId"])
    }

    /// Returns whether the operation requires a bearer token.
    pub fn requires_token(&self) -> bool {
        !list(&self.definition["security"]).is_empty()
    }

    /// Returns the status of a success. An operation has only one.
    pub fn success(&self) -> u16 {
        let responses = self.responses().filter(|(status, _)| status.starts_with('2'));
        let statuses: Vec<u16> = responses.map(|(status, _)| status.parse().expect("the status is a number")).collect();
        let [status] = statuses[..] else { panic!("{}: other than one success: {statuses:?}", self.route()) };
        status
    }

    /// Returns whether the operation is a read whose response may come from the cache.
    pub fn is_cached_read(&self) -> bool {
        let success = self.definition.pointer("/responses/200").map(resolve);
        self.method == Method::GET && success.is_some_and(|response| response["headers"].get("X-Cache").is_some())
    }

    /// Returns whether the operation has a parameter with this name at this place, such as `path`
    /// or `query`.
    pub fn has_parameter(&self, place: &str, name: &str) -> bool {
        let mut parameters = list(&self.definition["parameters"]).iter().map(resolve);
        parameters.any(|parameter| parameter["in"] == place && parameter["name"] == name)
    }

    /// Returns the names of the parameters of the query.
    pub fn query_parameters(&self) -> impl Iterator<Item = &'static str> + use<> {
        let parameters = list(&self.definition["parameters"]).iter().map(resolve);
        parameters.filter(|parameter| parameter["in"] == "query").map(|parameter| text(&parameter["name"]))
    }

    /// Returns whether the body has a field with this name.
    pub fn has_field(&self, name: &str) -> bool {
        self.body_fields().any(|(field, _)| field == name)
    }

    /// Returns the fields of the body and their schemas.
    pub fn body_fields(&self) -> impl Iterator<Item = (&'static str, &'static Value)> + use<> {
        let schema = self.body_content().map(|content| resolve(&content["schema"]));
        let fields = schema.and_then(|schema| schema["properties"].as_object()).into_iter().flatten();
        fields.map(|(name, schema)| (name.as_str(), schema))
    }

    /// Returns the examples of the body, or an empty list if the operation reads no body.
    pub fn example_bodies(&self) -> Vec<&'static Value> {
        let examples = self.body_content().and_then(|content| content["examples"].as_object());
        examples.into_iter().flatten().map(|(_, example)| &resolve(example)["value"]).collect()
    }

    /// Returns the first example of the body with a text in every field whose schema accepts one.
    /// The text is alone, in an email address, in a list, in the address of an image, or in an
    /// object. Returns `None` if the operation reads no body.
    pub fn body_with(&self, mut text: impl FnMut() -> String) -> Option<Value> {
        let mut body = self.example_bodies().first().copied()?.clone();
        for (name, schema) in self.body_fields() {
            let text = text();
            let candidates = [
                json!(text),
                json!(format!("{text}@example.org")),
                json!([text]),
                json!([format!("https://example.org/{text}")]),
                json!({ &text: text }),
            ];
            if let Some(value) = candidates.into_iter().find(|value| validator(schema).is_valid(value)) {
                body[name] = value;
            }
        }
        Some(body)
    }

    /// Returns the rules of the document that a body breaks.
    pub fn body_errors(&self, body: &Value) -> Vec<String> {
        let schema = &self.body_content().expect("the operation reads a body")["schema"];
        validator(schema).iter_errors(body).map(|error| error.to_string()).collect()
    }

    fn body_content(&self) -> Option<&'static Value> {
        self.definition.pointer("/requestBody/content/application~1json")
    }

    fn responses(&self) -> impl Iterator<Item = (&'static str, &'static Value)> + use<> {
        let responses = self.definition["responses"].as_object().into_iter().flatten();
        responses.map(|(status, response)| (status.as_str(), resolve(response)))
    }
}

/// Returns a schema of the document, such as `Entry`.
pub fn schema(name: &str) -> &'static Value {
    &DOCUMENT["components"]["schemas"][name]
}

/// Follows a reference to another part of the document.
fn resolve(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => resolve(DOCUMENT.pointer(&reference[1..]).expect("the reference points to something")),
        None => value,
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().expect("the value is text")
}
