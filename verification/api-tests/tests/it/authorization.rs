//! The authorization matrix: the status of every operation of the OpenAPI document for every kind
//! of caller. The rules are derived from the document.

use api_tests::openapi::Operation;
use api_tests::{Client, Response, TestApp, TestUser};
use serde_json::json;

use super::routes::{fill_in, insert_entry, needs_session};

/// The statuses of an operation.
struct Policy {
    /// The status for the owner of the account and of the named resources.
    owner: u16,
    /// The status for another user, who names the owner and the owner's resources.
    other: u16,
    /// The status without a live session.
    without_session: u16,
}

impl Policy {
    /// Derives the policy of an operation:
    ///
    /// * Another user may not name the owner: 403.
    /// * A resource of the owner does not exist for another user: 404.
    /// * An operation that can name neither acts on the data of its caller.
    fn of(operation: &Operation) -> Self {
        let owner = match operation.route().as_str() {
            // The email address belongs to the owner.
            "POST /api/auth/register" => 409,
            _ => operation.success(),
        };
        if !needs_session(operation) {
            // The operator key is `*` here, so every caller is an operator. `health_detailed` tests
            // other keys.
            return Self { owner, other: owner, without_session: owner };
        }
        let other = match operation.path.contains('{') {
            _ if names_user(operation) => 403,
            true => 404,
            false => owner,
        };
        Self { owner, other, without_session: 401 }
    }
}

/// Returns whether a request can name a user.
fn names_user(operation: &Operation) -> bool {
    let has_parameter = |place: &str| operation.has_parameter(place, "user_id");
    has_parameter("path") || has_parameter("query") || operation.has_field("user_id")
}

/// Sends a request as the document describes it. With `name_owner`, the request names the owner in
/// every place where it can name a user.
async fn send(operation: &Operation, client: &Client, owner: &TestUser, name_owner: bool) -> Response {
    let mut path = fill_in(operation.path, &owner.id.to_string());
    if name_owner && operation.has_parameter("query", "user_id") {
        path = format!("{path}?user_id={}", owner.id);
    }
    let request = client.request(operation.method.as_str(), path);
    let Some(mut body) = operation.example_bodies().first().copied().cloned() else { return request.await };
    for (field, value) in [("email", &owner.email), ("password", &owner.password), ("old_password", &owner.password)] {
        if operation.has_field(field) {
            body[field] = json!(value);
        }
    }
    if operation.has_field("user_id") {
        body.as_object_mut().unwrap().remove("user_id");
        if name_owner {
            body["user_id"] = json!(owner.id);
        }
    }
    request.json(&body).await
}

#[tokio::test]
async fn every_operation_responds_to_every_role_as_its_policy_states() {
    let app = TestApp::shared().await;
    let mut statuses = Vec::new();
    for operation in Operation::all() {
        let (route, policy) = (operation.route(), Policy::of(operation));
        statuses.extend([policy.other, policy.without_session]);
        for role in ["owner", "another user", "signed out", "revoked", "malformed token", "deleted user"] {
            // A new user each time, because some operations end the session or the account. Only
            // the operations below `/auth/` need a user with a password.
            let new_user =
                async || if route.contains("/auth/") { app.register_and_login().await } else { app.new_user().await };
            let owner = new_user().await;
            insert_entry(app, owner.id).await;
            let end = async |sql: &str| drop(app.query(sql, &[&owner.id]).await);
            let client = match role {
                "another user" => app.anonymous().with_token(new_user().await.token),
                "signed out" => app.anonymous(),
                "malformed token" => app.anonymous().with_token(&owner.token[1..]),
                "revoked" => {
                    end("UPDATE sessions SET revoked_at = now() WHERE user_id = $1").await;
                    app.anonymous().with_token(&owner.token)
                }
                "deleted user" => {
                    // These operations find the account by the credentials in the body.
                    if !["POST /api/auth/login", "POST /api/auth/register"].contains(&route.as_str()) {
                        end("DELETE FROM users WHERE id = $1").await;
                    }
                    app.anonymous().with_token(&owner.token)
                }
                _ => app.anonymous().with_token(&owner.token),
            };
            let name_owner = ["owner", "another user"].contains(&role);
            let response = send(operation, &client, &owner, name_owner).await;
            let expected = match role {
                "owner" => policy.owner,
                "another user" => policy.other,
                _ => policy.without_session,
            };
            assert_eq!(response.status, expected, "{route} for {role}: {}", response.text());
        }
    }
    for (status, floor) in [(403, 9), (404, 2), (401, 18)] {
        let count = statuses.iter().filter(|each| **each == status).count();
        assert!(count >= floor, "only {count} operations respond with {status}");
    }
}
