//! Tests of `POST /api/auth/change-password`.

use api_tests::{Request, TestApp, TestUser, send_all, sorted_statuses};
use serde_json::json;

const NEW: &str = "seven calm otters";

fn change(user: &TestUser, old: &str, new: &str) -> Request {
    user.post("/api/auth/change-password", &json!({"old_password": old, "new_password": new}))
}

async fn login(app: &TestApp, user: &TestUser, password: &str) -> u16 {
    app.anonymous().post("/api/auth/login", &json!({"email": user.email, "password": password})).await.status
}

#[tokio::test]
async fn after_a_change_only_the_new_password_is_accepted_and_every_session_has_ended() {
    let app = TestApp::shared().await;
    let phone = app.register_and_login().await;
    let laptop = phone.login_again().await;
    for session in [&phone, &laptop] {
        session.get("/api/auth/me").until_hit().await;
    }
    assert_eq!(
        change(&phone, &phone.password, NEW).await.expect_success(),
        json!({"message": "Password changed; sign in again"})
    );
    for session in [&phone, &laptop] {
        session.get("/api/auth/me").await.expect_problem(401, "unauthenticated");
    }
    assert_eq!((login(app, &phone, &phone.password).await, login(app, &phone, NEW).await), (401, 200));
}

#[tokio::test]
async fn a_wrong_old_password_or_an_invalid_new_one_changes_nothing() {
    let app = TestApp::shared().await;
    let ada = app.register_and_login().await;
    for (old, new, field) in [
        ("not the password", NEW, "old_password"),
        ("", NEW, "old_password"),
        (ada.password.as_str(), "short", "new_password"),
    ] {
        let problem = change(&ada, old, new).await.expect_problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["field"], field);
    }
    ada.get("/api/auth/me").await.expect_success();
    assert_eq!(login(app, &ada, &ada.password).await, 200);
}

#[tokio::test]
async fn wrong_old_passwords_are_rate_limited_like_failed_sign_ins() {
    let app = TestApp::start().await;
    let ada = app.register_and_login().await;
    let mut statuses = Vec::new();
    for _ in 0..11 {
        statuses.push(change(&ada, "not the password", NEW).await.status);
    }
    assert_eq!((&statuses[..10], statuses[10]), (&[422; 10][..], 429));
    assert_eq!(change(&ada, &ada.password, NEW).await.status, 429, "even with the correct password");
}

#[tokio::test]
async fn if_two_password_changes_race_only_one_succeeds() {
    let app = TestApp::shared().await;
    let ada = app.register_and_login().await;
    let passwords = ["password one", "password two"];
    let responses = send_all(passwords.map(|password| change(&ada, &ada.password, password))).await;
    assert_eq!(sorted_statuses(&responses), [200, 401]);
    let winner = if responses[0].status == 200 { passwords[0] } else { passwords[1] };
    assert_eq!(login(app, &ada, winner).await, 200);
}
