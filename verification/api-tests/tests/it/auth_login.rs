//! Tests of `POST /api/auth/login`.

use api_tests::{RedisChoice, Setup, TestApp, TestUser};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::events;

/// A system whose attempt counters are used only by the tests of this file.
static APP: OnceCell<TestApp> = OnceCell::const_new();

async fn app() -> &'static TestApp {
    APP.get_or_init(|| TestApp::start_with(Setup { redis: RedisChoice::Own, ..Setup::default() })).await
}

/// Tries to sign in from a source address, which the gateway passes in the event.
async fn try_login(app: &TestApp, source: &str, email: &str, password: &str) -> FunctionResponse {
    // The address that the client claims in a header must have no effect.
    let claimed = json!({"x-forwarded-for": uuid::Uuid::new_v4().to_string()});
    try_login_with_headers(app, source, &claimed, email, password).await
}

async fn try_login_with_headers(
    app: &TestApp,
    source: &str,
    headers: &Value,
    email: &str,
    password: &str,
) -> FunctionResponse {
    let mut event = events::read("auth-login", "success");
    event["requestContext"]["http"]["sourceIp"] = json!(source);
    for (name, value) in headers.as_object().unwrap() {
        event["headers"][name] = value.clone();
    }
    event["body"] = json!(json!({"email": email, "password": password}).to_string());
    let response = app.invoke("auth-login", &event).await.unwrap();
    FunctionResponse { status: response["statusCode"].as_u64().unwrap(), headers: response["headers"].clone() }
}

/// The response of the function to the gateway.
struct FunctionResponse {
    status: u64,
    headers: Value,
}

impl FunctionResponse {
    fn retry_after(&self) -> u64 {
        self.headers["retry-after"].as_str().unwrap().parse().unwrap()
    }
}

async fn fail_login(app: &TestApp, source: &str, user: &TestUser) -> u64 {
    try_login(app, source, &user.email, "wrong").await.status
}

#[tokio::test]
async fn a_sign_in_returns_a_new_bearer_token_that_is_valid_for_30_days() {
    let app = TestApp::shared().await;
    let ada = app.register_and_login().await;
    let credentials = json!({"email": ada.email.to_uppercase(), "password": ada.password});
    let response = app.anonymous().post("/api/auth/login", &credentials).await;
    let login = response.expect_success();
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let expires_at: jiff::Timestamp = login["expires_at"].as_str().unwrap().parse().unwrap();
    let days = expires_at.duration_since(jiff::Timestamp::now()).as_hours() / 24;
    assert_eq!((&login["token_type"], days), (&json!("bearer"), 29));
    let token = login["access_token"].as_str().unwrap();
    assert_eq!(token.len(), 64);
    assert_ne!(token, ada.token);
    assert_eq!(app.anonymous().with_token(token).get("/api/auth/me").await.expect_success()["id"], json!(ada.id));
}

#[tokio::test]
async fn an_unknown_email_and_a_wrong_password_get_the_same_response() {
    let app = app().await;
    let ada = app.register_and_login().await;
    let mut bodies = Vec::new();
    for (email, password) in [(ada.email.as_str(), "wrong password"), ("nobody@example.org", ada.password.as_str())] {
        let response = app.anonymous().post("/api/auth/login", &json!({"email": email, "password": password})).await;
        let mut problem = response.expect_problem(401, "wrong_credentials");
        assert_eq!(response.header("www-authenticate"), Some("Bearer"));
        problem.as_object_mut().unwrap().remove("request_id");
        bodies.push(problem);
    }
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn an_inactive_user_cannot_sign_in_and_gets_the_same_error() {
    let app = app().await;
    let ada = app.register_and_login().await;
    app.query("UPDATE users SET is_active = false WHERE id = $1", &[&ada.id]).await;
    app.anonymous().post("/api/auth/login", &ada.credentials()).await.expect_problem(401, "wrong_credentials");
}

#[tokio::test]
async fn the_eleventh_failure_from_one_source_is_rate_limited_but_other_sources_are_not() {
    let app = app().await;
    let ada = app.register_and_login().await;
    for _ in 0..10 {
        assert_eq!(fail_login(app, "198.51.100.1", &ada).await, 401);
    }
    let refused = try_login(app, "198.51.100.1", &ada.email, &ada.password).await;
    assert_eq!(refused.status, 429, "even with the correct password");
    assert!((1..=900).contains(&refused.retry_after()), "{}", refused.retry_after());
    assert_eq!(try_login(app, "198.51.100.2", &ada.email, &ada.password).await.status, 200);
    let bob = app.register_and_login().await;
    assert_eq!(try_login(app, "198.51.100.1", &bob.email, &bob.password).await.status, 200);
}

#[tokio::test]
async fn the_source_address_is_taken_from_cloudfront_only_if_the_edge_key_is_correct() {
    let variables = vec![("EDGE_KEY", "only the edge knows".to_owned())];
    let app = TestApp::start_with(Setup { redis: RedisChoice::Own, variables, ..Setup::default() }).await;
    let headers = |key: &str, viewer: &str| json!({"x-edge-key": key, "x-forwarded-for": format!("10.9.9.9, {viewer}, 203.0.113.1")});
    let trusted = |viewer: &str| headers("only the edge knows", viewer);
    let ada = app.register_and_login().await;
    for _ in 0..10 {
        let response = try_login_with_headers(&app, "203.0.113.1", &trusted("198.51.100.7"), &ada.email, "wrong").await;
        assert_eq!(response.status, 401);
    }
    let status = async |headers: Value| {
        try_login_with_headers(&app, "203.0.113.1", &headers, &ada.email, &ada.password).await.status
    };
    assert_eq!(status(trusted("198.51.100.7")).await, 429);
    assert_eq!(status(trusted("198.51.100.8")).await, 200, "another viewer behind the same edge");
    assert_eq!(status(trusted("2001:db8::7")).await, 200);

    let bob = app.register_and_login().await;
    for (number, headers) in
        (0..10).map(|number| (number, headers("another edge's key!", &format!("198.51.100.{number}"))))
    {
        let response = try_login_with_headers(&app, "203.0.113.1", &headers, &bob.email, "wrong").await;
        assert_eq!(response.status, 401, "{number}");
    }
    let untrusted = headers("another edge's key!", "198.51.100.99");
    assert_eq!(try_login_with_headers(&app, "203.0.113.1", &untrusted, &bob.email, &bob.password).await.status, 429);
    // An invalid address is not trusted, even if it comes from CloudFront.
    assert_eq!(
        try_login_with_headers(&app, "203.0.113.1", &trusted("nowhere"), &bob.email, &bob.password).await.status,
        429
    );
}

#[tokio::test]
async fn a_successful_sign_in_resets_the_number_of_failures() {
    let app = app().await;
    let ada = app.register_and_login().await;
    for _ in 0..9 {
        assert_eq!(fail_login(app, "198.51.100.3", &ada).await, 401);
    }
    assert_eq!(try_login(app, "198.51.100.3", &ada.email, &ada.password).await.status, 200);
    for _ in 0..10 {
        assert_eq!(fail_login(app, "198.51.100.3", &ada).await, 401);
    }
    assert_eq!(fail_login(app, "198.51.100.3", &ada).await, 429);
}

#[tokio::test]
async fn attempts_are_limited_per_account_and_per_source() {
    let app = TestApp::start_with(Setup { redis: RedisChoice::Own, ..Setup::default() }).await;
    let (ada, bob) = (app.register_and_login().await, app.register_and_login().await);
    let _: () = app.redis(&redis::cmd("FLUSHALL")).await;
    assert_eq!(fail_login(&app, "198.51.100.4", &ada).await, 401);
    // Setting the counters replaces 99 further failures, which would hash 99 passwords.
    let keys: Vec<String> = app.redis(redis::cmd("KEYS").arg("login:*")).await;
    let [account, source] = ["login:account:", "login:source:"].map(|kind| {
        keys.iter().find(|key| key.starts_with(kind)).unwrap_or_else(|| panic!("no key {kind} in {keys:?}"))
    });
    assert_eq!(keys.len(), 3, "{keys:?}");
    for key in &keys {
        let ttl: i64 = app.redis(redis::cmd("TTL").arg(key)).await;
        assert!((840..=900).contains(&ttl), "{key} {ttl}");
        assert!(!key.contains(&ada.email) && !key.contains("198.51"), "{key}");
    }

    let _: () = app.redis(redis::cmd("SET").arg(account).arg(100).arg("KEEPTTL")).await;
    assert_eq!(try_login(&app, "198.51.100.5", &ada.email, &ada.password).await.status, 429, "the account is limited");
    assert_eq!(
        try_login(&app, "198.51.100.5", &bob.email, &bob.password).await.status,
        200,
        "another account is not limited"
    );
    let _: () = app.redis(redis::cmd("DEL").arg(account)).await;
    let _: () = app.redis(redis::cmd("SET").arg(source).arg(100).arg("KEEPTTL")).await;
    assert_eq!(try_login(&app, "198.51.100.4", &bob.email, &bob.password).await.status, 429, "the source is limited");
    assert_eq!(
        try_login(&app, "198.51.100.6", &bob.email, &bob.password).await.status,
        200,
        "another source is not limited"
    );
}
