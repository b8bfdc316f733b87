//! Requests that race with another change of the same account. An open transaction of the test
//! makes the other change, and commits while the request waits for its lock.

use std::time::Duration;

use api_tests::{Request, Response, TestApp, TestUser, new_token, wait_until, with_connection};
use futures_util::future::join;
use serde_json::json;
use tokio::time::timeout;
use uuid::Uuid;

/// Runs statements in a transaction, sends the request, and commits when the request waits for a
/// lock.
async fn send_during(app: &TestApp, statements: &str, request: Request) -> Response {
    with_connection(app.database_url(), async move |client| {
        client.batch_execute(&format!("BEGIN; {statements}")).await.unwrap();
        let commit = async {
            wait_for_blocked_statement(app).await;
            client.batch_execute("COMMIT").await.unwrap();
        };
        join(request.into_future(), commit).await.0
    })
    .await
}

/// Waits until a statement in the database waits for a lock.
async fn wait_for_blocked_statement(app: &TestApp) {
    let sql = "SELECT count(*) > 0 FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    wait_until(Duration::from_secs(10), "a statement waits for a lock", async || app.query_scalar(sql, &[]).await)
        .await;
}

fn change_password(user: &TestUser) -> Request {
    user.post("/api/auth/change-password", &json!({"old_password": user.password, "new_password": "seven calm otters"}))
}

#[tokio::test]
async fn a_refresh_fails_if_all_sessions_were_ended_concurrently() {
    let app = TestApp::start().await;
    let ada = app.new_user().await;
    let ending = format!("UPDATE users SET sessions_since = clock_timestamp() WHERE id = '{}'", ada.id);
    let response = send_during(&app, &ending, ada.request("POST", "/api/auth/refresh")).await;
    response.expect_problem(401, "unauthenticated");
}

/// Returns a request that ends all sessions of a user.
fn end_all_sessions(user: &TestUser, path: &str) -> Request {
    if path.ends_with("logout") { user.request("POST", path) } else { change_password(user) }
}

/// Opening a session acquires a shared lock, and two such locks may overlap. The request that ends
/// all sessions may therefore begin to wait before the second session is opened.
#[tokio::test]
async fn ending_all_sessions_includes_sessions_that_are_opened_while_it_waits() {
    let app = TestApp::start().await;
    for path in ["/api/auth/change-password", "/api/auth/logout"] {
        let ada = app.register_and_login().await;
        let other = app.anonymous().with_token(app.open_session(ada.id).await);
        let (ended, refreshed) = with_connection(app.database_url(), async |client| {
            let lock = format!("BEGIN; SELECT 1 FROM users WHERE id = '{}' FOR SHARE", ada.id);
            client.batch_execute(&lock).await.unwrap();
            let refresh = async {
                wait_for_blocked_statement(&app).await;
                let mut refresh = other.request("POST", "/api/auth/refresh").into_future();
                // The refresh may also wait for the end of all sessions, and thus for the commit.
                let response = timeout(Duration::from_secs(1), &mut refresh).await;
                client.batch_execute("COMMIT").await.unwrap();
                match response {
                    Ok(response) => response,
                    Err(_) => refresh.await,
                }
            };
            join(end_all_sessions(&ada, path).into_future(), refresh).await
        })
        .await;
        assert_eq!(ended.status, 200, "{path}: {}", ended.text());
        if refreshed.status == 200 {
            let token = refreshed.json()["access_token"].as_str().unwrap().to_owned();
            app.anonymous().with_token(token).get("/api/auth/me").await.expect_problem(401, "unauthenticated");
        } else {
            refreshed.expect_problem(401, "unauthenticated");
        }
    }
}

#[tokio::test]
async fn a_password_change_fails_if_the_password_was_changed_concurrently() {
    let app = TestApp::start().await;
    let ada = app.register_and_login().await;
    let change = format!("UPDATE users SET password_hash = '!' WHERE id = '{}'", ada.id);
    send_during(&app, &change, change_password(&ada)).await.expect_problem(401, "unauthenticated");
    assert_eq!(app.query_scalar::<String>("SELECT password_hash FROM users WHERE id = $1", &[&ada.id]).await, "!");
}

#[tokio::test]
async fn a_sign_in_fails_if_the_password_was_changed_concurrently() {
    let app = TestApp::start().await;
    let ada = app.register_and_login().await;
    let change = format!("UPDATE users SET password_hash = '!' WHERE id = '{}'", ada.id);
    let login = app.anonymous().post("/api/auth/login", &ada.credentials());
    send_during(&app, &change, login).await.expect_problem(401, "wrong_credentials");
}

#[tokio::test]
async fn a_session_that_is_opened_while_all_sessions_are_ended_is_ended_too() {
    let app = TestApp::start().await;
    for path in ["/api/auth/change-password", "/api/auth/logout"] {
        let ada = app.register_and_login().await;
        let (token, hash) = new_token(ada.id);
        let opening = format!(
            "SELECT 1 FROM users WHERE id = '{}' FOR SHARE;
            INSERT INTO sessions (id, user_id, token_hash, expires_at) VALUES ('{}', '{}', '\\x{}', now() + interval '1 day')",
            ada.id,
            Uuid::now_v7(),
            ada.id,
            const_hex::encode(hash)
        );
        assert_eq!(send_during(&app, &opening, end_all_sessions(&ada, path)).await.status, 200, "{path}");
        app.anonymous().with_token(token).get("/api/auth/me").await.expect_problem(401, "unauthenticated");
    }
}
