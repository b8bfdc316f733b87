//! `DELETE /api/account`.

use api_tests::Kai;
use serde_json::json;

#[tokio::test]
async fn everything_of_the_account_is_gone_at_once_and_its_sessions_are_dead() {
    let kai = Kai::start().await;
    let (ada, bob) = (kai.register_and_login().await, kai.settle().await);
    bob.write("stays").await;
    let laptop = ada.login_again().await;
    let draft = json!({"content": "to be forgotten"});
    ada.post("/api/journal/entries", &draft).header("idempotency-key", "once").await.good();
    let reads = ["/api/journal/entries".to_owned(), ada.profile_path(), "/api/auth/me".to_owned()];
    for read in &reads {
        ada.get(read).until_hit().await;
    }
    assert_eq!(ada.request("DELETE", "/api/account").await.status, 204);
    let guards: Vec<String> = kai.redis(redis::cmd("KEYS").arg(format!("*:{}:guard", ada.id))).await;
    assert!(guards.is_empty(), "records behind {guards:?} could still be served");
    for (session, read) in
        [&*ada, &*laptop].into_iter().flat_map(|session| reads.iter().map(move |read| (session, read)))
    {
        session.get(read).await.expect_problem(401, "unauthenticated");
    }
    for table in [
        "users WHERE id",
        "user_profiles WHERE user_id",
        "sessions WHERE user_id",
        "journal_entries WHERE user_id",
        "idempotency_keys WHERE user_id",
    ] {
        let left: i64 = kai.value(&format!("SELECT count(*) FROM {table} = $1"), &[&ada.id]).await;
        assert_eq!(left, 0, "{table}");
    }
    let kept: i64 =
        kai.value("SELECT count(*) FROM idempotency_keys WHERE response::text LIKE '%forgotten%'", &[]).await;
    assert_eq!(kept, 0);
    let login = json!({"email": ada.email, "password": ada.password});
    kai.anonymous().post("/api/auth/login", &login).await.expect_problem(401, "wrong_credentials");
    assert_eq!(bob.list().await.json()["total"], 1);
    // The address is free again.
    kai.anonymous().post("/api/auth/register", &login).await.good();
}

#[tokio::test]
async fn the_same_request_again_is_answered_the_same_and_another_token_is_not() {
    let kai = Kai::shared().await;
    let ada = kai.settle().await;
    let other = kai.anonymous().with_token(kai.open_session(ada.id).await);
    for _ in 0..3 {
        assert_eq!(ada.request("DELETE", "/api/account").await.status, 204);
    }
    let bob = kai.settle().await;
    let requests = (0..4).map(|_| std::future::IntoFuture::into_future(bob.request("DELETE", "/api/account")));
    for reply in futures_util::future::join_all(requests).await {
        assert_eq!(reply.status, 204, "also when they come at once: {}", reply.text());
    }
    other.request("DELETE", "/api/account").await.expect_problem(401, "unauthenticated");
    ada.get("/api/auth/me").await.expect_problem(401, "unauthenticated");
}
