//! Every way to ask wrongly, on every route: the right status and code, the documented shape, and nothing of the input in the answer.

use std::collections::BTreeSet;

use api_tests::{Client, Request, Response, TestApp, template};
use serde_json::{Value, json};
use uuid::Uuid;

/// Stands for whatever a person sends; no answer may repeat it.
pub(crate) const CANARY: &str = "kanarienvogel";

/// Method, path, and whether it needs a session; `{user_id}` stands for the caller's own, `{entry_id}` for an entry of theirs.
pub(crate) const ROUTES: [(&str, &str, bool); 27] = [
    ("GET", "/", false),
    ("GET", "/docs", false),
    ("GET", "/openapi.json", false),
    ("GET", "/dashboard", false),
    ("GET", "/health", false),
    // An operator's key protects these, where there is one, and no session.
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

/// The routes that read a body, with one that is valid.
pub(crate) fn bodies() -> [(&'static str, &'static str, Value); 8] {
    let credentials =
        json!({"email": format!("{}@example.org", Uuid::new_v4().simple()), "password": "nine quiet herons"});
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

pub(crate) fn request(client: &Client, user: Uuid, method: &str, path: &str) -> Request {
    // The first entry of whoever has one bears the user's id, see `live`.
    client.request(method, path.replace("{user_id}", &user.to_string()).replace("{entry_id}", &user.to_string()))
}

/// Somebody with an entry whose id is their own.
async fn live(app: &TestApp) -> api_tests::TestUser {
    let ada = app.new_user().await;
    app.query("INSERT INTO journal_entries (id, user_id, content) VALUES ($1, $1, 'x')", &[&ada.id]).await;
    ada
}

#[track_caller]
pub(crate) fn problem(response: &Response, status: u16, code: &str) -> Value {
    let problem = response.expect_problem(status, code);
    assert!(!format!("{:?}{problem}", response.headers).contains(CANARY), "{problem}");
    assert_eq!(response.header("cache-control"), Some("no-store"));
    problem
}

#[test]
fn the_tested_routes_are_those_of_the_template() {
    let declared: BTreeSet<_> = template()
        .functions
        .into_iter()
        .flat_map(|function| function.routes)
        .map(|route| (route.method.unwrap(), route.path.unwrap()))
        .collect();
    let tested = ROUTES.map(|(method, path, _)| (method.to_owned(), path.to_owned()));
    assert_eq!(declared, BTreeSet::from(tested));
}

#[tokio::test]
async fn a_protected_route_rejects_every_token_without_a_live_session() {
    let app = TestApp::shared().await;
    // Valid for every route, so that only the token is wrong.
    let body =
        json!({"content": CANARY, "message": CANARY, "old_password": CANARY, "new_password": "nine quiet herons"});
    for (method, path, protected) in ROUTES {
        if !protected {
            continue;
        }
        let what = format!("{method} {path}");
        let dead = async |change: &str| {
            let user = app.new_user().await;
            app.query(change, &[&user.id]).await;
            (user.id, user.token)
        };
        let ada = live(app).await;
        let live = request(&ada, ada.id, method, path).json(&json!({"content": "x", "message": "x"})).await;
        // A password is not changed by whatever is sent; but it is the fields that are wrong, and not the session.
        let refused = path == "/api/auth/change-password" && live.status == 422;
        assert!(
            refused || (200..300).contains(&live.status),
            "{what}: the control with a live session: {}",
            live.text()
        );

        let ada = app.new_user().await;
        let mut unknown = ada.token.clone();
        unknown.replace_range(40..50, "AAAAAAAAAA");
        let tokens = [
            (ada.id, CANARY.to_owned()),
            (ada.id, String::new()),
            (ada.id, ada.token[..63].to_owned()),
            (ada.id, format!("{}A", ada.token)),
            (ada.id, format!("{}=", &ada.token[..63])),
            (ada.id, unknown),
            dead("UPDATE sessions SET expires_at = now() - interval '1 s' WHERE user_id = $1").await,
            dead("UPDATE sessions SET revoked_at = now() WHERE user_id = $1").await,
            dead("UPDATE users SET is_active = false WHERE id = $1").await,
            dead("DELETE FROM users WHERE id = $1").await,
        ];
        for (user, token) in tokens {
            let client = app.anonymous().with_token(&token);
            let response = request(&client, user, method, path).json(&body).await;
            problem(&response, 401, "unauthenticated");
            assert_eq!(response.header("www-authenticate"), Some("Bearer"), "{what}");
        }
        for header in
            [None, Some(format!("Basic {CANARY}")), Some(ada.token.clone()), Some(format!("Token {}", ada.token))]
        {
            let bare = request(&app.anonymous(), ada.id, method, path).json(&body);
            let bare = match header {
                Some(header) => bare.header("authorization", header),
                None => bare,
            };
            problem(&bare.await, 401, "unauthenticated");
        }
    }
}

#[tokio::test]
async fn the_bearer_scheme_is_case_insensitive() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    for scheme in ["bearer", "BEARER", "Bearer "] {
        let response =
            app.anonymous().get("/api/auth/me").header("authorization", format!("{scheme} {}", ada.token)).await;
        assert_eq!(response.status, 200, "{scheme:?}");
    }
}

#[tokio::test]
async fn an_unreadable_body_is_rejected_with_the_matching_error() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    for (method, path, valid) in bodies() {
        let send = || request(&ada, ada.id, method, path);
        let what = format!("{method} {path}");
        for malformed in
            ["", "{", "null", "[]", "7", "\"kanarienvogel\"", "{\"kanarienvogel\": }", "{\"a\": 1}}", "\u{0}"]
        {
            problem(&send().body("application/json", malformed).await, 400, "malformed");
        }
        let deep = format!("{{\"content\": {}1{}}}", "[".repeat(5000), "]".repeat(5000));
        problem(&send().body("application/json", deep).await, 400, "malformed");

        for content_type in
            ["text/plain", "application/x-www-form-urlencoded", "application/xml", "application/jsonp", "kanarienvogel"]
        {
            let response = send().body(content_type, valid.to_string()).await;
            problem(&response, 415, "unsupported_media_type");
        }
        let encoded = send().json(&valid).header("content-encoding", "gzip").await;
        problem(&encoded, 415, "unsupported_media_type");

        let mut large = valid.clone();
        large["padding"] = json!(CANARY.repeat(512 * 1024 / CANARY.len()));
        problem(&send().json(&large).await, 413, "too_large");
        let beyond_lambda = send().body("application/json", vec![b' '; 7 * 1024 * 1024]).await;
        assert_eq!(beyond_lambda.status, 413, "{what}: over Lambda's limit it is the gateway that refuses");
    }
}

#[tokio::test]
async fn a_body_that_is_not_utf8_is_malformed() {
    let app = TestApp::shared().await;
    let mut event = super::events::read("auth-login", "success");
    event["isBase64Encoded"] = json!(true);
    event["body"] = json!("eyJlbWFpbCI6ICL//iJ9");
    let response = app.invoke("auth-login", &event).await.unwrap();
    assert_eq!(response["statusCode"], 400, "{response}");
}

#[tokio::test]
async fn every_spelling_of_the_json_media_type_is_accepted_and_unknown_fields_are_ignored() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    for content_type in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
        let response = ada
            .request("POST", "/api/journal/entries")
            .body(content_type, "\n{\"content\": \"x\", \"unknown\": {}}\n")
            .await;
        assert_eq!(response.status, 201, "{content_type}: {}", response.text());
    }
    assert_eq!(ada.get("/api/journal/entries?unknown=1").await.status, 200);
    assert_eq!(ada.patch(ada.profile_path(), &json!({"unknown": 7})).await.status, 200);
}

#[tokio::test]
async fn an_unknown_path_or_method_gets_the_gateways_404() {
    let app = TestApp::shared().await;
    for (method, path) in [
        ("GET", "/kanarienvogel"),
        ("DELETE", "/health"),
        ("PUT", "/api/journal/entries"),
        ("POST", "/api/journal/insights"),
        ("GET", "/api/users//profile"),
    ] {
        let response = app.anonymous().request(method, path).await;
        assert_eq!((response.status, response.json()), (404, json!({"message": "Not Found"})), "{method} {path}");
    }
}
