//! Requests that meet another change of the same account half-way: a transaction of the test stands for the other one, and commits while the
//! request waits for it.

use std::future::IntoFuture as _;
use std::time::Duration;

use api_tests::{Request, Response, TestApp, TestUser};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio_postgres::NoTls;
use uuid::Uuid;

/// Sends the request while these statements are done but not yet committed.
async fn meanwhile(app: &TestApp, statements: &str, request: Request) -> Response {
    let (client, connection) = tokio_postgres::connect(app.database_url(), NoTls).await.unwrap();
    let other = async {
        client.batch_execute(&format!("BEGIN; {statements}")).await.unwrap();
        let commit = async {
            let waits = "SELECT count(*) > 0 FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'";
            for _ in 0..100 {
                tokio::time::sleep(Duration::from_millis(10)).await;
                if app.query_scalar(waits, &[]).await {
                    break;
                }
            }
            client.batch_execute("COMMIT").await.unwrap();
        };
        futures_util::future::join(request.into_future(), commit).await.0
    };
    tokio::select! {
        response = other => response,
        ended = connection => panic!("{ended:?}"),
    }
}

/// Sends the request while these statements are done, and commits them after a while.
async fn held(app: &TestApp, statements: &str, time: Duration, request: Request) -> Response {
    let (client, connection) = tokio_postgres::connect(app.database_url(), NoTls).await.unwrap();
    let other = async {
        client.batch_execute(&format!("BEGIN; {statements}")).await.unwrap();
        let commit = async {
            tokio::time::sleep(time).await;
            client.batch_execute("COMMIT").await.unwrap();
        };
        futures_util::future::join(request.into_future(), commit).await.0
    };
    tokio::select! {
        response = other => response,
        ended = connection => panic!("{ended:?}"),
    }
}

fn change_password(user: &TestUser) -> Request {
    user.post("/api/auth/change-password", &json!({"old_password": user.password, "new_password": "seven calm otters"}))
}

#[tokio::test]
async fn a_refresh_fails_if_all_sessions_were_ended_concurrently() {
    let app = TestApp::start().await;
    let ada = app.new_user().await;
    let ending = format!("UPDATE users SET sessions_since = clock_timestamp() WHERE id = '{}'", ada.id);
    let response = meanwhile(&app, &ending, ada.request("POST", "/api/auth/refresh")).await;
    response.expect_problem(401, "unauthenticated");
}

/// The locks of two who open sessions overlap, so that the one who ends them waits from before the second began.
#[tokio::test]
async fn ending_all_sessions_includes_those_opened_while_it_waited() {
    let app = TestApp::start().await;
    for end in ["/api/auth/change-password", "/api/auth/logout"] {
        let ada = app.register_and_login().await;
        let other = app.anonymous().with_token(app.open_session(ada.id).await);
        let lock = format!("SELECT 1 FROM users WHERE id = '{}' FOR SHARE", ada.id);
        let request = if end.ends_with("logout") { ada.request("POST", end) } else { change_password(&ada) };
        let late = async {
            // By now the end of the sessions waits for the lock, or has been let through.
            tokio::time::sleep(Duration::from_millis(400)).await;
            other.request("POST", "/api/auth/refresh").await
        };
        let (ended, late) =
            futures_util::future::join(held(&app, &lock, Duration::from_millis(900), request), late).await;
        assert_eq!(ended.status, 200, "{end}: {}", ended.text());
        if late.status == 200 {
            let token = late.json()["access_token"].as_str().unwrap().to_owned();
            app.anonymous().with_token(token).get("/api/auth/me").await.expect_problem(401, "unauthenticated");
        } else {
            late.expect_problem(401, "unauthenticated");
        }
    }
}

#[tokio::test]
async fn a_password_change_fails_if_the_password_was_changed_concurrently() {
    let app = TestApp::start().await;
    let ada = app.register_and_login().await;
    let change = format!("UPDATE users SET password_hash = '!' WHERE id = '{}'", ada.id);
    meanwhile(&app, &change, change_password(&ada)).await.expect_problem(401, "unauthenticated");
    assert_eq!(app.query_scalar::<String>("SELECT password_hash FROM users WHERE id = $1", &[&ada.id]).await, "!");
}

#[tokio::test]
async fn a_sign_in_fails_if_the_password_was_changed_concurrently() {
    let app = TestApp::start().await;
    let ada = app.register_and_login().await;
    let change = format!("UPDATE users SET password_hash = '!' WHERE id = '{}'", ada.id);
    let login = app.anonymous().post("/api/auth/login", &json!({"email": ada.email, "password": ada.password}));
    meanwhile(&app, &change, login).await.expect_problem(401, "wrong_credentials");
}

#[tokio::test]
async fn a_session_opened_concurrently_with_the_end_of_all_sessions_is_ended() {
    let app = TestApp::start().await;
    for end in ["/api/auth/change-password", "/api/auth/logout"] {
        let ada = app.register_and_login().await;
        let token = [ada.id.as_bytes().as_slice(), &[7; 32]].concat();
        let hash = const_hex::encode(Sha256::digest(&token));
        let opening = format!(
            "SELECT 1 FROM users WHERE id = '{}' FOR SHARE;
            INSERT INTO sessions (id, user_id, token_hash, expires_at) VALUES ('{}', '{}', '\\x{hash}', now() + interval '1 day')",
            ada.id,
            Uuid::now_v7(),
            ada.id
        );
        let request = if end.ends_with("logout") { ada.request("POST", end) } else { change_password(&ada) };
        assert_eq!(meanwhile(&app, &opening, request).await.status, 200, "{end}");
        let token = URL_SAFE_NO_PAD.encode(&token);
        app.anonymous().with_token(token).get("/api/auth/me").await.expect_problem(401, "unauthenticated");
    }
}
