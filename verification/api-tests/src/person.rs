//! Somebody with an account who is signed in.

use std::ops::Deref;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{Client, Reply};

/// An account and a session of it. What a [`Client`] can do, a person does as themselves.
#[derive(Debug, Clone)]
pub struct Person {
    /// The user's id.
    pub id: Uuid,
    /// The address that signs in.
    pub email: String,
    /// The password.
    pub password: String,
    /// The bearer token of this session.
    pub token: String,
    client: Client,
}

impl Deref for Person {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Person {
    pub(crate) fn new(anonymous: &Client, id: Uuid, email: String, password: String, token: String) -> Self {
        Self { id, email, password, client: anonymous.with_token(&token), token }
    }

    /// Signs in once more: the same account, another session.
    pub async fn login_again(&self) -> Self {
        let login = json!({"email": self.email, "password": self.password});
        let reply = self.client.post("/api/auth/login", &login).without("authorization").await.good();
        let token = reply["access_token"].as_str().expect("a token").to_owned();
        Self { client: self.client.with_token(&token), token, ..self.clone() }
    }

    /// Writes an entry of this content, and returns it as it was answered.
    pub async fn write(&self, content: &str) -> Value {
        let reply = self.post("/api/journal/entries", &json!({"content": content})).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        reply.json()
    }

    /// The first page of the journal.
    pub async fn list(&self) -> Reply {
        let reply = self.get("/api/journal/entries").await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply
    }

    /// The path of the profile.
    pub fn profile_path(&self) -> String {
        format!("/api/users/{}/profile", self.id)
    }
}
