//! A user that is signed in.

use std::ops::Deref;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::Client;
use crate::response::Response;

/// An account and one of its sessions. It dereferences to a [`Client`] that sends requests in this
/// session.
#[derive(Debug, Clone)]
pub struct TestUser {
    /// The id of the user.
    pub id: Uuid,
    /// The email address for signing in.
    pub email: String,
    /// The password, or empty if the account has none.
    pub password: String,
    /// The bearer token of this session.
    pub token: String,
    client: Client,
}

impl Deref for TestUser {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl TestUser {
    pub(crate) fn new(anonymous: &Client, id: Uuid, email: String, password: String, token: String) -> Self {
        Self { id, email, password, client: anonymous.with_token(&token), token }
    }

    /// Returns the body of a request to register or to sign in.
    pub fn credentials(&self) -> Value {
        json!({"email": self.email, "password": self.password})
    }

    /// Signs in again, and returns the same account with the new session.
    pub async fn login_again(&self) -> Self {
        let request = self.client.post("/api/auth/login", &self.credentials());
        let login = request.without_header("authorization").await.expect_success();
        let token = login["access_token"].as_str().expect("the response contains a token").to_owned();
        Self { client: self.client.with_token(&token), token, ..self.clone() }
    }

    /// Creates a journal entry, and returns the response of the API.
    pub async fn create_entry(&self, content: &str) -> Value {
        let response = self.post("/api/journal/entries", &json!({"content": content})).await;
        assert_eq!(response.status, 201, "{}", response.text());
        response.json()
    }

    /// Reads the first page of the journal.
    pub async fn list_entries(&self) -> Response {
        let response = self.get("/api/journal/entries").await;
        assert_eq!(response.status, 200, "{}", response.text());
        response
    }

    /// Returns the path of the user's profile.
    pub fn profile_path(&self) -> String {
        format!("/api/users/{}/profile", self.id)
    }
}

/// Returns an email address that no other user has.
pub fn unique_email() -> String {
    format!("{}@example.org", Uuid::new_v4().simple())
}
