//! `POST /api/auth/register`.

use api_tests::Kai;
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn an_account_is_shown_to_its_owner_without_its_password() {
    let kai = Kai::shared().await;
    let email = format!("{}@example.org", Uuid::new_v4().simple());
    let reply =
        kai.anonymous().post("/api/auth/register", &json!({"email": email, "password": "nine quiet herons"})).await;
    assert_eq!((reply.status, reply.header("cache-control")), (201, Some("no-store")));
    let account = reply.json();
    let mut members: Vec<_> = account.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["created_at", "email", "id", "is_active", "updated_at"]);
    assert_eq!((&account["email"], &account["is_active"]), (&json!(email), &json!(true)));
}

#[tokio::test]
async fn an_address_is_registered_once_whatever_its_case() {
    let kai = Kai::shared().await;
    let ada = kai.register_and_login().await;
    for email in [ada.email.clone(), ada.email.to_uppercase(), format!("  {}  ", ada.email)] {
        let again = json!({"email": email, "password": "another password"});
        kai.anonymous().post("/api/auth/register", &again).await.expect_problem(409, "email_taken");
    }
    ada.login_again().await;
}

#[tokio::test]
async fn of_eight_who_register_one_address_at_once_one_succeeds() {
    let kai = Kai::shared().await;
    let credentials = json!({"email": format!("{}@example.org", Uuid::new_v4()), "password": "nine quiet herons"});
    let client = kai.anonymous();
    let attempts = (0..8).map(|_| async { client.post("/api/auth/register", &credentials).await.status });
    let mut statuses = futures_util::future::join_all(attempts).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn fields_that_are_not_the_clients_to_set_are_ignored() {
    let kai = Kai::shared().await;
    let (email, id) = (format!("{}@example.org", Uuid::new_v4().simple()), Uuid::now_v7());
    let greedy = json!({
        "email": email, "password": "nine quiet herons", "id": id, "is_active": false, "journal_entry_count": 7,
        "created_at": "2001-01-01T00:00:00Z", "role": "admin",
    });
    let account = kai.anonymous().post("/api/auth/register", &greedy).await.good();
    assert_ne!(account["id"], json!(id));
    assert_eq!(account["is_active"], true);
    assert!(!account["created_at"].as_str().unwrap().starts_with("2001"));
    let count: i64 = kai.value("SELECT journal_entry_count FROM users WHERE email = $1", &[&email]).await;
    assert_eq!(count, 0);
}

#[tokio::test]
async fn a_password_is_stored_as_argon2id_of_the_documented_cost() {
    let kai = Kai::shared().await;
    let ada = kai.register_and_login().await;
    let stored: String = kai.value("SELECT password_hash FROM users WHERE id = $1", &[&ada.id]).await;
    assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
    let bob = kai.register_and_login().await;
    let other: String = kai.value("SELECT password_hash FROM users WHERE id = $1", &[&bob.id]).await;
    assert_eq!(ada.password, bob.password);
    assert_ne!(stored, other, "the salt");
}
