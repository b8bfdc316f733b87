//! `POST /api/auth/logout`.

use api_tests::Kai;
use serde_json::json;

#[tokio::test]
async fn a_log_out_ends_every_session_of_the_account_at_once_cached_or_not() {
    let kai = Kai::shared().await;
    let phone = kai.register_and_login().await;
    let (laptop, never_used) = (phone.login_again().await, phone.login_again().await);
    let other = kai.settle().await;
    for _ in 0..2 {
        phone.list().await;
        laptop.list().await;
        other.list().await;
    }
    laptop.get("/api/journal/entries").until_hit().await;
    let reply = phone.request("POST", "/api/auth/logout").await;
    assert_eq!(reply.good(), json!({"message": "Successfully logged out"}));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    for session in [&phone, &laptop, &never_used] {
        for path in ["/api/journal/entries", "/api/auth/me", &phone.profile_path()] {
            session.get(path).await.expect_problem(401, "unauthenticated");
        }
        session.post("/api/journal/entries", &json!({"content": "x"})).await.expect_problem(401, "unauthenticated");
        session.request("POST", "/api/auth/logout").await.expect_problem(401, "unauthenticated");
    }
    assert_eq!(other.list().await.status, 200);
    assert_eq!(phone.login_again().await.list().await.status, 200);
    let entries: i64 = kai.value("SELECT count(*) FROM journal_entries WHERE user_id = $1", &[&phone.id]).await;
    assert_eq!(entries, 0, "a dead session wrote something");
}

#[tokio::test]
async fn with_scope_this_only_the_session_itself_ends() {
    let kai = Kai::shared().await;
    let phone = kai.register_and_login().await;
    let laptop = phone.login_again().await;
    laptop.list().await;
    phone.request("POST", "/api/auth/logout?scope=this").await.good();
    phone.get("/api/auth/me").await.expect_problem(401, "unauthenticated");
    assert_eq!(laptop.get("/api/auth/me").await.status, 200);
    laptop.request("POST", "/api/auth/logout?scope=all").await.good();
    laptop.get("/api/auth/me").await.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn no_environment_accepts_a_token_after_its_log_out_has_been_acknowledged() {
    let kai = Kai::shared().await;
    for _ in 0..10 {
        let ada = kai.settle().await;
        // Several environments at once have read the session.
        let warm = futures_util::future::join_all((0..3).map(|_| ada.list())).await;
        assert_eq!(warm.len(), 3);
        ada.request("POST", "/api/auth/logout").await.good();
        let after = (0..6).map(|_| async { ada.get("/api/journal/entries").await.status });
        assert_eq!(futures_util::future::join_all(after).await, [401; 6]);
    }
}
