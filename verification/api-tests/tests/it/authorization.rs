//! The authorization matrix: the status of every operation of the OpenAPI document for every kind
//! of caller.

use std::collections::BTreeSet;

use api_tests::{Client, Response, TestApp, TestUser};
use serde_json::{Value, json};

use super::routes::{fill_in, insert_entry};

/// The status of an operation for the owner, for another user, and for a caller without a live
/// session. The other user names the resources of the owner.
struct Policy {
    route: &'static str,
    owner: u16,
    other: u16,
    without_session: u16,
}

const fn policy(route: &'static str, owner: u16, other: u16, without_session: u16) -> Policy {
    Policy { route, owner, other, without_session }
}

/// The policy of every operation. The test fails for an operation without a policy and for a policy
/// without an operation. If an operation cannot name a user, another user gets their own data.
const POLICIES: [Policy; 27] = [
    policy("get /", 200, 200, 200),
    policy("get /docs", 200, 200, 200),
    policy("get /openapi.json", 200, 200, 200),
    policy("get /dashboard", 200, 200, 200),
    policy("get /health", 200, 200, 200),
    // The operator key is `*` here, so every caller is an operator. `health_detailed` tests other
    // keys.
    policy("get /health/detailed", 200, 200, 200),
    policy("delete /health/detailed", 204, 204, 204),
    policy("post /api/auth/register", 409, 409, 409),
    policy("post /api/auth/login", 200, 200, 200),
    policy("post /api/auth/refresh", 200, 200, 401),
    policy("post /api/auth/logout", 200, 200, 401),
    policy("get /api/auth/me", 200, 200, 401),
    policy("post /api/auth/change-password", 200, 200, 401),
    policy("get /api/users/{user_id}/profile", 200, 403, 401),
    policy("patch /api/users/{user_id}/profile", 200, 403, 401),
    policy("get /api/journal/entries", 200, 403, 401),
    policy("post /api/journal/entries", 201, 403, 401),
    policy("get /api/journal/entries/{entry_id}", 200, 404, 401),
    policy("put /api/journal/entries/{entry_id}", 200, 403, 401),
    policy("patch /api/journal/entries/{entry_id}", 200, 403, 401),
    policy("delete /api/journal/entries/{entry_id}", 204, 404, 401),
    policy("get /api/journal/insights", 200, 403, 401),
    policy("post /api/chat", 200, 403, 401),
    policy("get /api/chat/history", 200, 403, 401),
    policy("delete /api/chat/session/{user_id}", 200, 403, 401),
    policy("get /api/account", 200, 200, 401),
    policy("delete /api/account", 204, 204, 401),
];

/// Returns every operation with its route.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, item)| {
            item.as_object().unwrap().iter().map(move |(method, operation)| (format!("{method} {path}"), operation))
        })
        .collect()
}

/// Sends a request as the document describes it. With `name_owner`, the request names the owner in
/// every place where it can name a user.
async fn send(
    document: &Value,
    route: &str,
    operation: &Value,
    client: &Client,
    owner: &TestUser,
    name_owner: bool,
) -> Response {
    let resolved = |value: &Value| match value["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).unwrap().clone(),
        None => value.clone(),
    };
    let (method, path) = route.split_once(' ').unwrap();
    let mut path = fill_in(path, &owner.id.to_string());
    let parameters: Vec<Value> = operation["parameters"].as_array().into_iter().flatten().map(resolved).collect();
    if name_owner && parameters.iter().any(|parameter| parameter["in"] == "query" && parameter["name"] == "user_id") {
        path = format!("{path}?user_id={}", owner.id);
    }
    let request = client.request(&method.to_uppercase(), path);
    let content = &operation["requestBody"]["content"]["application/json"];
    let Some(examples) = content["examples"].as_object() else { return request.await };
    let mut body = examples.values().next().unwrap()["value"].clone();
    let schema = resolved(&content["schema"]);
    let has = |field: &str| schema["properties"].get(field).is_some();
    for (field, value) in [("email", &owner.email), ("password", &owner.password), ("old_password", &owner.password)] {
        if has(field) {
            body[field] = json!(value);
        }
    }
    if has("user_id") {
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
    let document = app.anonymous().get("/openapi.json").await.expect_success();
    let operations = operations(&document);
    let described: BTreeSet<&str> = operations.iter().map(|(route, _)| route.as_str()).collect();
    let declared: BTreeSet<&str> = POLICIES.iter().map(|policy| policy.route).collect();
    assert_eq!(described, declared, "the document and the policies contain the same operations");

    for (route, operation) in &operations {
        let policy = POLICIES.iter().find(|policy| policy.route == route).unwrap();
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
                    if !["post /api/auth/login", "post /api/auth/register"].contains(&route.as_str()) {
                        end("DELETE FROM users WHERE id = $1").await;
                    }
                    app.anonymous().with_token(&owner.token)
                }
                _ => app.anonymous().with_token(&owner.token),
            };
            let name_owner = ["owner", "another user"].contains(&role);
            let response = send(&document, route, operation, &client, &owner, name_owner).await;
            let expected = match role {
                "owner" => policy.owner,
                "another user" => policy.other,
                _ => policy.without_session,
            };
            assert_eq!(response.status, expected, "{route} for {role}: {}", response.text());
            assert!(
                operation["responses"].get(response.status.to_string()).is_some(),
                "{route}: {} is not documented",
                response.status
            );
        }
    }
}
