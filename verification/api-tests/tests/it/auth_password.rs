//! `POST /api/auth/change-password`.

use api_tests::{Kai, Person, Reply};
use serde_json::json;

const NEW: &str = "seven calm otters";

async fn change(person: &Person, old: &str, new: &str) -> Reply {
    person.post("/api/auth/change-password", &json!({"old_password": old, "new_password": new})).await
}

async fn login(kai: &Kai, person: &Person, password: &str) -> u16 {
    kai.anonymous().post("/api/auth/login", &json!({"email": person.email, "password": password})).await.status
}

#[tokio::test]
async fn the_new_password_signs_in_the_old_one_does_not_and_every_session_is_over() {
    let kai = Kai::shared().await;
    let phone = kai.register_and_login().await;
    let laptop = phone.login_again().await;
    for session in [&phone, &laptop] {
        session.get("/api/auth/me").until_hit().await;
    }
    assert_eq!(
        change(&phone, &phone.password, NEW).await.good(),
        json!({"message": "Password changed; sign in again"})
    );
    for session in [&phone, &laptop] {
        session.get("/api/auth/me").await.expect_problem(401, "unauthenticated");
    }
    assert_eq!((login(kai, &phone, &phone.password).await, login(kai, &phone, NEW).await), (401, 200));
}

#[tokio::test]
async fn a_wrong_old_password_or_a_new_one_that_is_none_changes_nothing() {
    let kai = Kai::shared().await;
    let ada = kai.register_and_login().await;
    for (old, new, field) in [
        ("not the password", NEW, "old_password"),
        ("", NEW, "old_password"),
        (ada.password.as_str(), "short", "new_password"),
    ] {
        let problem = change(&ada, old, new).await.expect_problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["field"], field);
    }
    ada.get("/api/auth/me").await.good();
    assert_eq!(login(kai, &ada, &ada.password).await, 200);
}

#[tokio::test]
async fn guesses_are_limited_as_those_of_a_log_in_are() {
    let kai = Kai::start().await;
    let ada = kai.register_and_login().await;
    let mut statuses = Vec::new();
    for _ in 0..11 {
        statuses.push(change(&ada, "not the password", NEW).await.status);
    }
    assert_eq!((&statuses[..10], statuses[10]), (&[422; 10][..], 429));
    assert_eq!(change(&ada, &ada.password, NEW).await.status, 429, "not even the right one");
}

#[tokio::test]
async fn of_two_who_change_a_password_at_once_one_succeeds() {
    let kai = Kai::shared().await;
    let ada = kai.register_and_login().await;
    let (one, other) = futures_util::future::join(
        change(&ada, &ada.password, "password one"),
        change(&ada, &ada.password, "password two"),
    )
    .await;
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    let winner = if one.status == 200 { "password one" } else { "password two" };
    assert_eq!(login(kai, &ada, winner).await, 200);
}
