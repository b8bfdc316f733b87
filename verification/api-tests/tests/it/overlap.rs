//! Requests that meet another change of the same account half-way: a transaction of the test stands for the other one, and commits while the
//! request waits for it.

use std::future::IntoFuture as _;
use std::time::Duration;

use api_tests::{Kai, Person, Reply, Request};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio_postgres::NoTls;
use uuid::Uuid;

/// Sends the request while these statements are done but not yet committed.
async fn meanwhile(kai: &Kai, statements: &str, request: Request) -> Reply {
    let (client, connection) = tokio_postgres::connect(kai.database_url(), NoTls).await.unwrap();
    let other = async {
        client.batch_execute(&format!("BEGIN; {statements}")).await.unwrap();
        let commit = async {
            let waits = "SELECT count(*) > 0 FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'";
            for _ in 0..100 {
                tokio::time::sleep(Duration::from_millis(10)).await;
                if kai.value(waits, &[]).await {
                    break;
                }
            }
            client.batch_execute("COMMIT").await.unwrap();
        };
        futures_util::future::join(request.into_future(), commit).await.0
    };
    tokio::select! {
        reply = other => reply,
        ended = connection => panic!("{ended:?}"),
    }
}

/// Sends the request while these statements are done, and commits them after a while.
async fn held(kai: &Kai, statements: &str, time: Duration, request: Request) -> Reply {
    let (client, connection) = tokio_postgres::connect(kai.database_url(), NoTls).await.unwrap();
    let other = async {
        client.batch_execute(&format!("BEGIN; {statements}")).await.unwrap();
        let commit = async {
            tokio::time::sleep(time).await;
            client.batch_execute("COMMIT").await.unwrap();
        };
        futures_util::future::join(request.into_future(), commit).await.0
    };
    tokio::select! {
        reply = other => reply,
        ended = connection => panic!("{ended:?}"),
    }
}

fn change_password(person: &Person) -> Request {
    person.post(
        "/api/auth/change-password",
        &json!({"old_password": person.password, "new_password": "seven calm otters"}),
    )
}

#[tokio::test]
async fn a_refresh_sees_that_all_sessions_have_just_been_ended() {
    let kai = Kai::start().await;
    let ada = kai.settle().await;
    let ending = format!("UPDATE users SET sessions_since = clock_timestamp() WHERE id = '{}'", ada.id);
    let reply = meanwhile(&kai, &ending, ada.request("POST", "/api/auth/refresh")).await;
    reply.expect_problem(401, "unauthenticated");
}

/// The locks of two who open sessions overlap, so that the one who ends them waits from before the second began.
#[tokio::test]
async fn the_end_of_all_sessions_is_later_than_every_session_that_it_waited_for() {
    let kai = Kai::start().await;
    for end in ["/api/auth/change-password", "/api/auth/logout"] {
        let ada = kai.register_and_login().await;
        let other = kai.anonymous().with_token(kai.open_session(ada.id).await);
        let lock = format!("SELECT 1 FROM users WHERE id = '{}' FOR SHARE", ada.id);
        let request = if end.ends_with("logout") { ada.request("POST", end) } else { change_password(&ada) };
        let late = async {
            // By now the end of the sessions waits for the lock, or has been let through.
            tokio::time::sleep(Duration::from_millis(400)).await;
            other.request("POST", "/api/auth/refresh").await
        };
        let (ended, late) =
            futures_util::future::join(held(&kai, &lock, Duration::from_millis(900), request), late).await;
        assert_eq!(ended.status, 200, "{end}: {}", ended.text());
        if late.status == 200 {
            let token = late.json()["access_token"].as_str().unwrap().to_owned();
            kai.anonymous().with_token(token).get("/api/auth/me").await.expect_problem(401, "unauthenticated");
        } else {
            late.expect_problem(401, "unauthenticated");
        }
    }
}

#[tokio::test]
async fn a_change_of_the_password_sees_that_it_has_just_been_changed() {
    let kai = Kai::start().await;
    let ada = kai.register_and_login().await;
    let change = format!("UPDATE users SET password_hash = '!' WHERE id = '{}'", ada.id);
    meanwhile(&kai, &change, change_password(&ada)).await.expect_problem(401, "unauthenticated");
    assert_eq!(kai.value::<String>("SELECT password_hash FROM users WHERE id = $1", &[&ada.id]).await, "!");
}

#[tokio::test]
async fn a_log_in_sees_that_the_password_has_just_been_changed() {
    let kai = Kai::start().await;
    let ada = kai.register_and_login().await;
    let change = format!("UPDATE users SET password_hash = '!' WHERE id = '{}'", ada.id);
    let login = kai.anonymous().post("/api/auth/login", &json!({"email": ada.email, "password": ada.password}));
    meanwhile(&kai, &change, login).await.expect_problem(401, "wrong_credentials");
}

#[tokio::test]
async fn a_session_that_was_being_opened_while_all_were_ended_is_over() {
    let kai = Kai::start().await;
    for end in ["/api/auth/change-password", "/api/auth/logout"] {
        let ada = kai.register_and_login().await;
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
        assert_eq!(meanwhile(&kai, &opening, request).await.status, 200, "{end}");
        let token = URL_SAFE_NO_PAD.encode(&token);
        kai.anonymous().with_token(token).get("/api/auth/me").await.expect_problem(401, "unauthenticated");
    }
}
