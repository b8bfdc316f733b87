//! The creation of users and sessions.

use serde_json::json;
use uuid::Uuid;

use crate::app::TestApp;
use crate::token::new_token;
use crate::user::{TestUser, unique_email};

impl TestApp {
    /// Registers a new user and signs in, through the API.
    pub async fn register_and_login(&self) -> TestUser {
        let (email, password) = (unique_email(), "nine quiet herons".to_owned());
        let credentials = json!({"email": email, "password": password});
        let account = self.anonymous().post("/api/auth/register", &credentials).await.expect_success();
        let login = self.anonymous().post("/api/auth/login", &credentials).await.expect_success();
        let id = account["id"].as_str().and_then(|id| id.parse().ok()).expect("the account has an id");
        let token = login["access_token"].as_str().expect("the response contains a token").to_owned();
        TestUser::new(&self.anonymous(), id, email, password, token)
    }

    /// Inserts a new user with a session directly into the database, for tests that need many users
    /// or do not test signing in. The user cannot sign in with any password.
    pub async fn new_user(&self) -> TestUser {
        let (id, email) = (Uuid::now_v7(), unique_email());
        self.query(
            "WITH account AS (INSERT INTO users (id, email, password_hash) VALUES ($1, $2, '!') RETURNING id)
            INSERT INTO user_profiles (id, user_id) SELECT $3, id FROM account",
            &[&id, &email, &Uuid::now_v7()],
        )
        .await;
        let token = self.open_session(id).await;
        TestUser::new(&self.anonymous(), id, email, String::new(), token)
    }

    /// Inserts a session directly into the database, and returns its token.
    pub async fn open_session(&self, user: Uuid) -> String {
        let (token, hash) = new_token(user);
        self.insert_session(user, &hash).await;
        token
    }

    /// Inserts a session of a user directly into the database, for the token with this hash.
    pub async fn insert_session(&self, user: Uuid, token_hash: &[u8]) {
        let sql =
            "INSERT INTO sessions (id, user_id, token_hash, expires_at) VALUES ($1, $2, $3, now() + interval '1 day')";
        self.query(sql, &[&Uuid::now_v7(), &user, &token_hash]).await;
    }
}
