//! Tests of `POST /api/auth/refresh`.

use api_tests::{Client, TestApp, send_all, sorted_statuses};
use serde_json::Value;

fn with_new_token(client: &Client, grant: &Value) -> Client {
    client.with_token(grant["access_token"].as_str().unwrap())
}

#[tokio::test]
async fn the_new_token_is_valid_and_the_old_one_is_rejected_even_if_it_was_cached() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    ada.create_entry("x").await;
    ada.get("/api/auth/me").until_hit().await;
    let response = ada.request("POST", "/api/auth/refresh").await;
    let grant = response.expect_success();
    assert_eq!((&grant["token_type"], response.header("cache-control")), (&"bearer".into(), Some("no-store")));
    assert_eq!(grant.as_object().unwrap().len(), 3);
    for path in ["/api/auth/me", "/api/journal/entries"] {
        ada.get(path).await.expect_problem(401, "unauthenticated");
    }
    ada.request("POST", "/api/auth/refresh").await.expect_problem(401, "unauthenticated");
    let refreshed = with_new_token(&ada, &grant);
    assert_eq!(refreshed.get("/api/journal/entries").await.expect_success()["total"], 1);
    assert_eq!(refreshed.get("/api/auth/me").await.expect_success()["id"], ada.id.to_string());
}

#[tokio::test]
async fn other_sessions_of_the_account_stay_valid() {
    let app = TestApp::shared().await;
    let phone = app.new_user().await;
    let laptop = app.anonymous().with_token(app.open_session(phone.id).await);
    phone.request("POST", "/api/auth/refresh").await.expect_success();
    laptop.get("/api/auth/me").await.expect_success();
}

#[tokio::test]
async fn if_many_refreshes_of_one_session_race_only_one_succeeds() {
    let app = TestApp::shared().await;
    for _ in 0..5 {
        let ada = app.new_user().await;
        let responses = send_all((0..6).map(|_| ada.request("POST", "/api/auth/refresh"))).await;
        assert_eq!(sorted_statuses(&responses), [200, 401, 401, 401, 401, 401]);
    }
}

#[tokio::test]
async fn no_refreshed_token_survives_a_concurrent_logout() {
    let app = TestApp::shared().await;
    let mut refreshed = 0;
    for _ in 0..30 {
        let ada = app.new_user().await;
        let other = app.anonymous().with_token(app.open_session(ada.id).await);
        let both = [ada.request("POST", "/api/auth/refresh"), other.request("POST", "/api/auth/logout")];
        let [refresh, logout] = send_all(both).await.try_into().unwrap();
        if (refresh.status, logout.status) == (200, 200) {
            refreshed += 1;
            with_new_token(&ada, &refresh.json()).get("/api/auth/me").await.expect_problem(401, "unauthenticated");
        }
    }
    assert!(refreshed > 0, "the refresh and the logout never overlapped");
}

#[tokio::test]
async fn a_refresh_extends_a_session_to_30_days_but_not_beyond_180_days_after_sign_in() {
    let app = TestApp::shared().await;
    for (signed_in_days_ago, expected) in [(0, 30.0), (149, 30.0), (160, 20.0)] {
        let ada = app.new_user().await;
        let age = "UPDATE sessions SET signed_in_at = now() - $2 * interval '1 day' WHERE user_id = $1";
        app.query(age, &[&ada.id, &f64::from(signed_in_days_ago)]).await;
        let grant = ada.request("POST", "/api/auth/refresh").await.expect_success();
        let days: f64 = app
            .query_scalar(
                "SELECT (extract(epoch FROM expires_at - now()) / 86400)::float8 FROM sessions WHERE user_id = $1 AND revoked_at IS NULL",
                &[&ada.id],
            )
            .await;
        assert!((days - expected).abs() < 0.01, "{signed_in_days_ago}: {days}");
        let returned: jiff::Timestamp = grant["expires_at"].as_str().unwrap().parse().unwrap();
        let returned_days = (returned.as_second() - jiff::Timestamp::now().as_second()) as f64 / 86400.0;
        assert!((returned_days - expected).abs() < 0.01, "{signed_in_days_ago}: {returned_days}");
    }
}
