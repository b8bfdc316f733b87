//! Tests of `Idempotency-Key`: a repeated request takes effect once.

use api_tests::{Request, Response, TestApp, TestUser, entry_path, send_all, unique_email};
use serde_json::{Value, json};

/// Builds a request that creates an entry with an idempotency key.
fn create(user: &TestUser, key: &str, body: &Value) -> Request {
    user.post("/api/journal/entries", body).header("idempotency-key", key)
}

/// Counts the entries of a user in the database.
async fn count_entries(app: &TestApp, user: &TestUser) -> i64 {
    app.query_scalar("SELECT count(*) FROM journal_entries WHERE user_id = $1", &[&user.id]).await
}

#[tokio::test]
async fn the_same_key_and_body_return_the_first_result_and_write_once() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let body = json!({"title": "once", "content": "Only once. 🙂", "mood": 7.0, "tags": ["a", "b"]});
    let first = create(&ada, "key-1", &body).await;
    assert_eq!(first.status, 201);
    for _ in 0..3 {
        let again = create(&ada, "key-1", &body).await;
        assert_eq!((again.status, again.body), (201, first.body.clone()));
    }
    assert_eq!(count_entries(app, &ada).await, 1);
    assert_ne!(create(&ada, "key-2", &body).await.expect_success()["id"], first.json()["id"]);
    assert_eq!(ada.list_entries().await.json()["total"], 2);
}

#[tokio::test]
async fn eight_concurrent_copies_write_once_and_get_the_same_result() {
    let app = TestApp::shared().await;
    for round in 0..5 {
        let ada = app.new_user().await;
        let body = json!({"content": format!("round {round}")});
        let responses = send_all((0..8).map(|_| create(&ada, "the-key", &body))).await;
        for response in &responses {
            assert_eq!((response.status, &response.body), (201, &responses[0].body), "{}", response.text());
        }
        assert_eq!(count_entries(app, &ada).await, 1);
        assert_eq!(ada.list_entries().await.json()["total"], 1);
    }
}

#[tokio::test]
async fn the_same_key_with_another_body_is_rejected_and_writes_nothing() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let first = create(&ada, "key", &json!({"content": "one"})).await.expect_success();
    for other in [json!({"content": "two"}), json!({"content": "one", "mood": 3})] {
        create(&ada, "key", &other).await.expect_problem(422, "idempotency_key_reused");
    }
    assert_eq!(ada.list_entries().await.json()["entries"], json!([first]));
}

#[tokio::test]
async fn two_users_may_use_the_same_key() {
    let app = TestApp::shared().await;
    let (ada, bob) = (app.new_user().await, app.new_user().await);
    let body = json!({"content": "the same words"});
    for user in [&ada, &bob] {
        assert_eq!(create(user, "key", &body).await.expect_success()["user_id"], json!(user.id));
    }
    assert_eq!(create(&bob, "key", &json!({"content": "other words"})).await.status, 422);
}

#[tokio::test]
async fn a_failed_request_does_not_use_up_its_key() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    create(&ada, "key", &json!({"content": ""})).await.expect_problem(422, "invalid_fields");
    assert_eq!(create(&ada, "key", &json!({"content": "better"})).await.status, 201);
}

#[tokio::test]
async fn an_ended_session_cannot_replay_its_writes() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let body = json!({"content": "private"});
    create(&ada, "key", &body).await.expect_success();
    ada.request("POST", "/api/auth/logout").await.expect_success();
    let replay = create(&ada, "key", &body).await;
    replay.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn an_expired_key_can_be_used_again() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    create(&ada, "key", &json!({"content": "yesterday"})).await.expect_success();
    app.query("UPDATE idempotency_keys SET expires_at = now() - interval '1 s' WHERE user_id = $1", &[&ada.id]).await;
    let body = json!({"content": "today"});
    let mut response = create(&ada, "key", &body).await;
    if response.status == 503 {
        // The first request has deleted the expired key, and the response asks the client to retry.
        assert!(response.header("retry-after").is_some());
        response = create(&ada, "key", &body).await;
    }
    assert_eq!((response.status, &response.json()["content"]), (201, &json!("today")));
    assert_eq!(create(&ada, "key", &body).await.json(), response.json());
    assert_eq!(count_entries(app, &ada).await, 2);
}

#[tokio::test]
async fn a_repeated_registration_with_one_key_creates_one_account() {
    let app = TestApp::shared().await;
    let register = |email: &str, password: &str, key: &str| {
        let body = json!({"email": email, "password": password});
        app.anonymous().post("/api/auth/register", &body).header("idempotency-key", key)
    };
    let email = unique_email();
    let copies = send_all((0..4).map(|_| register(&email, "nine quiet herons", "key"))).await;
    for response in &copies {
        assert_eq!((response.status, &response.body), (201, &copies[0].body), "{}", response.text());
    }
    register(&email, "nine quiet herons", "another-key").await.expect_problem(409, "email_taken");
    register(&email, "another password", "key").await.expect_problem(422, "idempotency_key_reused");
    let other = unique_email();
    let response = register(&other, "nine quiet herons", "key").await;
    assert_eq!((response.status, &response.json()["email"]), (201, &json!(other)), "another user with the same key");
}

/// Sends a request twice concurrently and then once more, always with the same key. Returns the
/// response, which must be the same each time.
async fn send_three_times(request: Request) -> Response {
    let request = request.header("idempotency-key", "the-key");
    let mut responses = send_all([request.clone(), request.clone()]).await;
    responses.push(request.await);
    let first = responses.remove(0);
    for response in &responses {
        assert_eq!((response.status, &response.body), (first.status, &first.body), "{}", response.text());
    }
    first
}

#[tokio::test]
async fn a_repeated_sign_in_with_one_key_creates_one_session_and_stores_no_token() {
    let app = TestApp::shared().await;
    let ada = app.register_and_login().await;
    let body = ada.credentials();
    let grant = send_three_times(app.anonymous().post("/api/auth/login", &body)).await.expect_success();
    let token = grant["access_token"].as_str().unwrap();
    app.anonymous().with_token(token).get("/api/auth/me").await.expect_success();
    assert_eq!(app.query_scalar::<i64>("SELECT count(*) FROM sessions WHERE user_id = $1", &[&ada.id]).await, 2);
    let stored: Value = app
        .query_scalar("SELECT response FROM idempotency_keys WHERE endpoint = 'auth-login' AND scope = $1", &[&ada.id])
        .await;
    assert!(!stored.to_string().contains(token) && stored.get("access_token").is_none(), "{stored}");
    // The key does not replace the password.
    let wrong = json!({"email": ada.email, "password": "another password"});
    let response = app.anonymous().post("/api/auth/login", &wrong).header("idempotency-key", "the-key").await;
    response.expect_problem(401, "wrong_credentials");
}

#[tokio::test]
async fn a_request_that_ends_its_own_session_can_be_repeated_only_with_the_same_token() {
    let app = TestApp::shared().await;
    for path in ["/api/auth/refresh", "/api/auth/logout", "/api/auth/change-password"] {
        let ada = app.register_and_login().await;
        let other = ada.login_again().await;
        let body = json!({"old_password": ada.password, "new_password": "ten quiet herons"});
        let answer = send_three_times(ada.post(path, &body)).await.expect_success();
        ada.get("/api/auth/me").await.expect_problem(401, "unauthenticated");
        // Another token of the same user does not prove possession of this token.
        let repeated = other.post(path, &body).header("idempotency-key", "the-key").await;
        match path {
            "/api/auth/refresh" => {
                let refreshed = ada.with_token(answer["access_token"].as_str().unwrap());
                refreshed.get("/api/auth/me").await.expect_success();
                assert_eq!(
                    app.query_scalar::<i64>("SELECT count(*) FROM sessions WHERE user_id = $1", &[&ada.id]).await,
                    3
                );
                repeated.expect_problem(422, "idempotency_key_reused");
            }
            _ => drop(repeated.expect_problem(401, "unauthenticated")),
        }
        // Without the key, it is a request without a live session.
        ada.post(path, &body).await.expect_problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn repeated_updates_and_deletions_return_the_first_response() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let entry = ada.create_entry("first words").await;
    let path = entry_path(&entry);
    let etag = ada.get(&path).await.header("etag").unwrap().to_owned();
    let change = json!({"content": "other words"});
    let changed = send_three_times(ada.patch(&path, &change).header("if-match", &etag)).await;
    assert_eq!(changed.expect_success()["content"], "other words");
    ada.patch(&path, &change).header("if-match", &etag).await.expect_problem(412, "precondition_failed");
    let other = ada.patch(&path, &json!({"content": "third words"})).header("idempotency-key", "the-key").await;
    other.expect_problem(422, "idempotency_key_reused");
    let deleted = send_three_times(ada.request("DELETE", &path)).await;
    assert_eq!(deleted.status, 204);
    ada.request("DELETE", &path).await.expect_problem(404, "not_found");

    let profile = json!({"communication_style": "direct"});
    let first = send_three_times(ada.patch(ada.profile_path(), &profile)).await.expect_success();
    assert_eq!(ada.get(ada.profile_path()).await.expect_success(), first);
    send_three_times(ada.request("DELETE", format!("/api/chat/session/{}", ada.id))).await.expect_success();
    send_three_times(ada.request("DELETE", "/api/account")).await;
}
