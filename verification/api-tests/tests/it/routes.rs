//! The routes of the API, which are derived from the OpenAPI document, and valid requests to them.

use std::collections::BTreeSet;

use api_tests::openapi::Operation;
use api_tests::{Client, Request, TestApp, TestUser, template};
use serde_json::json;
use uuid::Uuid;

/// The operations that need no session. A new operation without a session must be added here, so
/// that no operation becomes public by mistake.
pub(crate) const WITHOUT_SESSION: [&str; 9] = [
    "GET /",
    "GET /dashboard",
    "GET /docs",
    "GET /health",
    "GET /openapi.json",
    "POST /api/auth/login",
    "POST /api/auth/register",
    // These operations are protected by the operator key, if there is one.
    "DELETE /health/detailed",
    "GET /health/detailed",
];
/// The minimum number of operations, so that no test passes because it has nothing to test.
const MIN_OPERATIONS: usize = 27;

/// Returns whether an operation requires a session.
pub(crate) fn needs_session(operation: &Operation) -> bool {
    !WITHOUT_SESSION.contains(&operation.route().as_str())
}

/// Builds a request to an operation, without a body. Every placeholder of the path is replaced with
/// the id of the user, see [`user_with_entry`].
pub(crate) fn request(client: &Client, user: Uuid, operation: &Operation) -> Request {
    client.request(operation.method.as_str(), fill_in(operation.path, &user.to_string()))
}

/// Replaces the placeholders of a path with an id.
pub(crate) fn fill_in(path: &str, id: &str) -> String {
    let segments = path.split('/').map(|segment| if segment.starts_with('{') { id } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

/// Creates a user with one journal entry. The id of the entry is the id of the user.
pub(crate) async fn user_with_entry(app: &TestApp) -> TestUser {
    let user = app.new_user().await;
    insert_entry(app, user.id).await;
    user
}

/// Inserts a journal entry of a user directly into the database. Its id is the id of the user.
pub(crate) async fn insert_entry(app: &TestApp, user: Uuid) {
    app.query("INSERT INTO journal_entries (id, user_id, content) VALUES ($1, $1, 'x')", &[&user]).await;
}

#[test]
fn the_template_and_the_document_contain_the_same_routes() {
    let functions = template().functions.into_iter();
    let routed: BTreeSet<_> = functions
        .flat_map(|function| function.routes)
        .map(|route| format!("{} {}", route.method.unwrap(), route.path.unwrap()))
        .collect();
    let described: BTreeSet<_> = Operation::all().iter().map(Operation::route).collect();
    assert_eq!(routed, described);
    assert!(described.len() >= MIN_OPERATIONS, "{described:?}");
}

/// The document declares a token for some operations that only an operator key protects, but never
/// omits it for an operation that needs a session.
#[test]
fn the_document_requires_a_token_for_every_operation_that_needs_a_session() {
    let routes: BTreeSet<_> = Operation::all().iter().map(Operation::route).collect();
    for route in WITHOUT_SESSION {
        assert!(routes.contains(route), "{route} does not exist");
    }
    for operation in Operation::all() {
        let has_operator_key = operation.route() == "DELETE /health/detailed";
        assert_eq!(operation.requires_token(), needs_session(operation) || has_operator_key, "{}", operation.route());
    }
}

#[test]
fn every_example_and_every_derived_body_follows_the_schema() {
    for operation in Operation::all() {
        for body in operation.example_bodies() {
            let errors = operation.body_errors(body);
            assert_eq!(errors, [""; 0], "{}: {body}", operation.route());
        }
        if let Some(body) = operation.body_with(|| "x".repeat(42)) {
            assert_eq!(operation.body_errors(&body), [""; 0], "{}: {body}", operation.route());
        }
        let has_body = operation.body_fields().next().is_some();
        assert_eq!(has_body, !operation.example_bodies().is_empty(), "{}", operation.route());
    }
}

#[tokio::test]
async fn an_unknown_path_or_method_gets_status_404_from_the_gateway() {
    let app = TestApp::shared().await;
    let id = Uuid::now_v7().to_string();
    let mut unknown = vec![("GET", "/kanarienvogel".to_owned()), ("GET", "/api/users//profile".to_owned())];
    for path in Operation::all().iter().map(|operation| operation.path).collect::<BTreeSet<_>>() {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if Operation::of_route(&format!("{method} {path}")).is_none() {
                unknown.push((method, fill_in(path, &id)));
            }
        }
    }
    for (method, path) in unknown {
        let response = app.anonymous().request(method, &*path).await;
        assert_eq!((response.status, response.json()), (404, json!({"message": "Not Found"})), "{method} {path}");
    }
}
