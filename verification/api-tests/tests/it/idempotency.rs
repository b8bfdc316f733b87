//! `Idempotency-Key`: a request that is sent again is done once.

use api_tests::{Kai, Person, Reply};
use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

async fn create(person: &Person, key: &str, body: &Value) -> Reply {
    person.post("/api/journal/entries", body).header("idempotency-key", key).await
}

async fn entries(kai: &Kai, person: &Person) -> i64 {
    kai.value("SELECT count(*) FROM journal_entries WHERE user_id = $1", &[&person.id]).await
}

#[tokio::test]
async fn the_same_key_and_body_get_the_first_result_and_write_once() {
    let kai = Kai::shared().await;
    let ada = kai.settle().await;
    let body = json!({"title": "once", "content": "Only once. 🙂", "mood": 7.0, "tags": ["a", "b"]});
    let first = create(&ada, "key-1", &body).await;
    assert_eq!(first.status, 201);
    for _ in 0..3 {
        let again = create(&ada, "key-1", &body).await;
        assert_eq!((again.status, again.body), (201, first.body.clone()));
    }
    assert_eq!(entries(kai, &ada).await, 1);
    assert_ne!(create(&ada, "key-2", &body).await.good()["id"], first.json()["id"]);
    assert_eq!(ada.list().await.json()["total"], 2);
}

#[tokio::test]
async fn eight_copies_at_once_write_once_and_all_get_the_same_result() {
    let kai = Kai::shared().await;
    for round in 0..5 {
        let ada = kai.settle().await;
        let body = json!({"content": format!("round {round}")});
        let replies = join_all((0..8).map(|_| create(&ada, "the-key", &body))).await;
        for reply in &replies {
            assert_eq!((reply.status, &reply.body), (201, &replies[0].body), "{}", reply.text());
        }
        assert_eq!(entries(kai, &ada).await, 1);
        assert_eq!(ada.list().await.json()["total"], 1);
    }
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused_and_writes_nothing() {
    let kai = Kai::shared().await;
    let ada = kai.settle().await;
    let first = create(&ada, "key", &json!({"content": "one"})).await.good();
    for other in [json!({"content": "two"}), json!({"content": "one", "mood": 3})] {
        create(&ada, "key", &other).await.expect_problem(422, "idempotency_key_reused");
    }
    assert_eq!(ada.list().await.json()["entries"], json!([first]));
}

#[tokio::test]
async fn the_keys_of_two_people_never_meet() {
    let kai = Kai::shared().await;
    let (ada, bob) = (kai.settle().await, kai.settle().await);
    let body = json!({"content": "the same words"});
    let (hers, his) = (create(&ada, "key", &body).await.good(), create(&bob, "key", &body).await.good());
    assert_eq!((&hers["user_id"], &his["user_id"]), (&json!(ada.id), &json!(bob.id)));
    assert_eq!(create(&bob, "key", &json!({"content": "other words"})).await.status, 422);
}

#[tokio::test]
async fn a_failed_request_does_not_use_its_key_up() {
    let kai = Kai::shared().await;
    let ada = kai.settle().await;
    create(&ada, "key", &json!({"content": ""})).await.expect_problem(422, "invalid_fields");
    assert_eq!(create(&ada, "key", &json!({"content": "better"})).await.status, 201);
}

#[tokio::test]
async fn a_dead_session_cannot_replay_what_it_once_wrote() {
    let kai = Kai::shared().await;
    let ada = kai.settle().await;
    let body = json!({"content": "private"});
    create(&ada, "key", &body).await.good();
    ada.request("POST", "/api/auth/logout").await.good();
    let replay = create(&ada, "key", &body).await;
    replay.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_key_whose_day_is_over_starts_afresh() {
    let kai = Kai::shared().await;
    let ada = kai.settle().await;
    create(&ada, "key", &json!({"content": "yesterday"})).await.good();
    kai.query("UPDATE idempotency_keys SET expires_at = now() - interval '1 s' WHERE user_id = $1", &[&ada.id]).await;
    let body = json!({"content": "today"});
    let mut reply = create(&ada, "key", &body).await;
    if reply.status == 503 {
        // The dead key was in the way and has been swept away: the client is told to come back.
        assert!(reply.header("retry-after").is_some());
        reply = create(&ada, "key", &body).await;
    }
    assert_eq!((reply.status, &reply.json()["content"]), (201, &json!("today")));
    assert_eq!(create(&ada, "key", &body).await.json(), reply.json());
    assert_eq!(entries(kai, &ada).await, 2);
}

#[tokio::test]
async fn whoever_registers_twice_with_one_key_has_one_account() {
    let kai = Kai::shared().await;
    let register = async |email: &str, password: &str, key: &str| {
        let body = json!({"email": email, "password": password});
        kai.anonymous().post("/api/auth/register", &body).header("idempotency-key", key).await
    };
    let email = format!("{}@example.org", Uuid::new_v4().simple());
    let copies = join_all((0..4).map(|_| register(&email, "nine quiet herons", "key"))).await;
    for reply in &copies {
        assert_eq!((reply.status, &reply.body), (201, &copies[0].body), "{}", reply.text());
    }
    register(&email, "nine quiet herons", "another-key").await.expect_problem(409, "email_taken");
    register(&email, "another password", "key").await.expect_problem(422, "idempotency_key_reused");
    let other = format!("{}@example.org", Uuid::new_v4().simple());
    let stranger = register(&other, "nine quiet herons", "key").await;
    assert_eq!((stranger.status, &stranger.json()["email"]), (201, &json!(other)), "somebody else with the same key");
}

/// Sends a request twice at once and once more, with one key, and returns the answer that all of them must have.
async fn thrice(send: impl Fn() -> api_tests::Request) -> Reply {
    let send = || send().header("idempotency-key", "the-key").into_future();
    let (first, second) = futures_util::future::join(send(), send()).await;
    let third = send().await;
    for reply in [&second, &third] {
        assert_eq!((reply.status, &reply.body), (first.status, &first.body), "{}", reply.text());
    }
    first
}

#[tokio::test]
async fn whoever_signs_in_twice_with_one_key_has_one_session_and_the_token_is_stored_nowhere() {
    let kai = Kai::shared().await;
    let ada = kai.register_and_login().await;
    let body = json!({"email": ada.email, "password": ada.password});
    let grant = thrice(|| kai.anonymous().post("/api/auth/login", &body)).await.good();
    let token = grant["access_token"].as_str().unwrap();
    kai.anonymous().with_token(token).get("/api/auth/me").await.good();
    assert_eq!(kai.value::<i64>("SELECT count(*) FROM sessions WHERE user_id = $1", &[&ada.id]).await, 2);
    let kept: Value = kai
        .value("SELECT response FROM idempotency_keys WHERE endpoint = 'auth-login' AND scope = $1", &[&ada.id])
        .await;
    assert!(!kept.to_string().contains(token) && kept.get("access_token").is_none(), "{kept}");
    // The key alone signs nobody in.
    let wrong = json!({"email": ada.email, "password": "another password"});
    let reply = kai.anonymous().post("/api/auth/login", &wrong).header("idempotency-key", "the-key").await;
    reply.expect_problem(401, "wrong_credentials");
}

#[tokio::test]
async fn a_request_that_ends_its_own_session_can_be_repeated_by_whoever_holds_the_same_token_and_by_nobody_else() {
    let kai = Kai::shared().await;
    for path in ["/api/auth/refresh", "/api/auth/logout", "/api/auth/change-password"] {
        let ada = kai.register_and_login().await;
        let other = ada.login_again().await;
        let body = json!({"old_password": ada.password, "new_password": "ten quiet herons"});
        let answer = thrice(|| ada.post(path, &body)).await.good();
        ada.get("/api/auth/me").await.expect_problem(401, "unauthenticated");
        // Another token of the same person proves nothing about this one.
        let repeated = other.post(path, &body).header("idempotency-key", "the-key").await;
        match path {
            "/api/auth/refresh" => {
                let fresh = ada.with_token(answer["access_token"].as_str().unwrap());
                fresh.get("/api/auth/me").await.good();
                assert_eq!(kai.value::<i64>("SELECT count(*) FROM sessions WHERE user_id = $1", &[&ada.id]).await, 3);
                repeated.expect_problem(422, "idempotency_key_reused");
            }
            _ => drop(repeated.expect_problem(401, "unauthenticated")),
        }
        // Without the key it is a request of somebody who is not signed in.
        ada.post(path, &body).await.expect_problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn changes_that_cannot_be_made_twice_are_answered_as_the_first_time() {
    let kai = Kai::shared().await;
    let ada = kai.settle().await;
    let entry = ada.write("first words").await;
    let path = format!("/api/journal/entries/{}", entry["id"].as_str().unwrap());
    let etag = ada.get(&path).await.header("etag").unwrap().to_owned();
    let change = json!({"content": "other words"});
    let changed = thrice(|| ada.patch(&path, &change).header("if-match", &etag)).await;
    assert_eq!(changed.good()["content"], "other words");
    ada.patch(&path, &change).header("if-match", &etag).await.expect_problem(412, "precondition_failed");
    let other = ada.patch(&path, &json!({"content": "third words"})).header("idempotency-key", "the-key").await;
    other.expect_problem(422, "idempotency_key_reused");
    let deleted = thrice(|| ada.request("DELETE", &path)).await;
    assert_eq!(deleted.status, 204);
    ada.request("DELETE", &path).await.expect_problem(404, "not_found");

    let profile = json!({"communication_style": "direct"});
    let first = thrice(|| ada.patch(ada.profile_path(), &profile)).await.good();
    assert_eq!(ada.get(ada.profile_path()).await.good(), first);
    thrice(|| ada.request("DELETE", format!("/api/chat/session/{}", ada.id))).await.good();
    thrice(|| ada.request("DELETE", "/api/account")).await;
}
