//! The routes of the API and valid requests to them.

use api_tests::{Client, Request, TestApp, TestUser, unique_email};
use serde_json::{Value, json};
use uuid::Uuid;

/// The method and the path of each route, and whether it requires a session.
pub(crate) const ROUTES: [(&str, &str, bool); 27] = [
    ("GET", "/", false),
    ("GET", "/docs", false),
    ("GET", "/openapi.json", false),
    ("GET", "/dashboard", false),
    ("GET", "/health", false),
    // These routes are protected by the operator key, if there is one, and not by a session.
    ("GET", "/health/detailed", false),
    ("DELETE", "/health/detailed", false),
    ("POST", "/api/auth/register", false),
    ("POST", "/api/auth/login", false),
    ("POST", "/api/auth/logout", true),
    ("GET", "/api/auth/me", true),
    ("GET", "/api/users/{user_id}/profile", true),
    ("PATCH", "/api/users/{user_id}/profile", true),
    ("GET", "/api/journal/entries", true),
    ("POST", "/api/journal/entries", true),
    ("GET", "/api/journal/entries/{entry_id}", true),
    ("PUT", "/api/journal/entries/{entry_id}", true),
    ("PATCH", "/api/journal/entries/{entry_id}", true),
    ("DELETE", "/api/journal/entries/{entry_id}", true),
    ("GET", "/api/journal/insights", true),
    ("POST", "/api/auth/refresh", true),
    ("POST", "/api/auth/change-password", true),
    ("POST", "/api/chat", true),
    ("GET", "/api/chat/history", true),
    ("DELETE", "/api/chat/session/{user_id}", true),
    ("GET", "/api/account", true),
    ("DELETE", "/api/account", true),
];

/// Returns the routes that read a body, each with a valid body.
pub(crate) fn bodies() -> [(&'static str, &'static str, Value); 8] {
    let credentials = json!({"email": unique_email(), "password": "nine quiet herons"});
    [
        ("POST", "/api/auth/register", credentials.clone()),
        ("POST", "/api/auth/login", credentials),
        ("PATCH", "/api/users/{user_id}/profile", json!({"communication_style": "gentle"})),
        ("POST", "/api/journal/entries", json!({"content": "x"})),
        ("PUT", "/api/journal/entries/{entry_id}", json!({"content": "x"})),
        ("PATCH", "/api/journal/entries/{entry_id}", json!({"title": "x"})),
        ("POST", "/api/chat", json!({"message": "x"})),
        ("POST", "/api/auth/change-password", json!({"old_password": "x", "new_password": "nine quiet herons"})),
    ]
}

/// Builds a request to a route. Both `{user_id}` and `{entry_id}` are replaced with the id of the
/// user, see [`user_with_entry`].
pub(crate) fn request(client: &Client, user: Uuid, method: &str, path: &str) -> Request {
    client.request(method, fill_in(path, &user.to_string()))
}

/// Replaces the placeholders of a path with an id.
pub(crate) fn fill_in(path: &str, id: &str) -> String {
    path.replace("{user_id}", id).replace("{entry_id}", id)
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
