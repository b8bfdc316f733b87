//! `POST /api/auth/refresh`.

use api_tests::{Client, Kai};
use futures_util::future::join_all;
use serde_json::Value;

fn successor(client: &Client, grant: &Value) -> Client {
    client.with_token(grant["access_token"].as_str().unwrap())
}

#[tokio::test]
async fn the_new_token_signs_in_and_the_old_one_is_dead_cached_or_not() {
    let kai = Kai::shared().await;
    let ada = kai.settle().await;
    ada.write("x").await;
    ada.get("/api/auth/me").until_hit().await;
    let reply = ada.request("POST", "/api/auth/refresh").await;
    let grant = reply.good();
    assert_eq!((&grant["token_type"], reply.header("cache-control")), (&"bearer".into(), Some("no-store")));
    assert_eq!(grant.as_object().unwrap().len(), 3);
    for path in ["/api/auth/me", "/api/journal/entries"] {
        ada.get(path).await.expect_problem(401, "unauthenticated");
    }
    ada.request("POST", "/api/auth/refresh").await.expect_problem(401, "unauthenticated");
    let fresh = successor(&ada, &grant);
    assert_eq!(fresh.get("/api/journal/entries").await.good()["total"], 1);
    assert_eq!(fresh.get("/api/auth/me").await.good()["id"], ada.id.to_string());
}

#[tokio::test]
async fn other_sessions_of_the_account_go_on() {
    let kai = Kai::shared().await;
    let phone = kai.settle().await;
    let laptop = kai.anonymous().with_token(kai.open_session(phone.id).await);
    phone.request("POST", "/api/auth/refresh").await.good();
    laptop.get("/api/auth/me").await.good();
}

#[tokio::test]
async fn of_many_refreshes_of_one_session_at_once_one_succeeds() {
    let kai = Kai::shared().await;
    for _ in 0..5 {
        let ada = kai.settle().await;
        let refreshes = (0..6).map(|_| std::future::IntoFuture::into_future(ada.request("POST", "/api/auth/refresh")));
        let mut statuses: Vec<u16> = join_all(refreshes).await.iter().map(|reply| reply.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401, 401, 401, 401, 401]);
    }
}

#[tokio::test]
async fn no_refresh_outlives_a_log_out_that_happens_at_the_same_time() {
    let kai = Kai::shared().await;
    let mut refreshed = 0;
    for _ in 0..30 {
        let ada = kai.settle().await;
        let other = kai.anonymous().with_token(kai.open_session(ada.id).await);
        let both = [ada.request("POST", "/api/auth/refresh"), other.request("POST", "/api/auth/logout")];
        let [refresh, logout] = join_all(both.map(std::future::IntoFuture::into_future)).await.try_into().unwrap();
        if (refresh.status, logout.status) == (200, 200) {
            refreshed += 1;
            successor(&ada, &refresh.json()).get("/api/auth/me").await.expect_problem(401, "unauthenticated");
        }
    }
    assert!(refreshed > 0, "the two never overlapped");
}

#[tokio::test]
async fn a_session_lives_30_days_longer_but_no_more_than_180_after_its_log_in() {
    let kai = Kai::shared().await;
    for (signed_in_days_ago, expected) in [(0, 30.0), (149, 30.0), (160, 20.0)] {
        let ada = kai.settle().await;
        let age = "UPDATE sessions SET signed_in_at = now() - $2 * interval '1 day' WHERE user_id = $1";
        kai.query(age, &[&ada.id, &f64::from(signed_in_days_ago)]).await;
        let grant = ada.request("POST", "/api/auth/refresh").await.good();
        let days: f64 = kai
            .value(
                "SELECT (extract(epoch FROM expires_at - now()) / 86400)::float8 FROM sessions WHERE user_id = $1 AND revoked_at IS NULL",
                &[&ada.id],
            )
            .await;
        assert!((days - expected).abs() < 0.01, "{signed_in_days_ago}: {days}");
        let told: jiff::Timestamp = grant["expires_at"].as_str().unwrap().parse().unwrap();
        let told_days = (told.as_second() - jiff::Timestamp::now().as_second()) as f64 / 86400.0;
        assert!((told_days - expected).abs() < 0.01, "{signed_in_days_ago}: {told_days}");
    }
}
