//! `POST /api/auth/login`: opens a session. Open to everybody, a limited number of times for an account and a source.
//!
//! An unknown e-mail address and a wrong password cost the same and get the same answer. When Redis is away the attempts are counted
//! in this environment's memory.

use jiff::Timestamp;
use serde::Serialize;
use shared::error::Error;
use shared::http::{Reply, Request};
use shared::store::{self, Email, LoginAttempt, Password, UserId};
use shared::{Result, State};

/// The answer.
#[derive(Debug, Serialize)]
pub struct Login {
    /// What later requests carry in `Authorization: Bearer …`.
    pub access_token: String,
    /// Always `bearer`.
    pub token_type: &'static str,
    /// When the session ends.
    pub expires_at: Timestamp,
}

/// Reads `email` and `password`, and answers with a token.
///
/// # Errors
/// `invalid_fields`, `wrong_credentials`, `rate_limited`, or `unavailable` when the database is.
pub async fn handle(state: &State, request: Request) -> Result<Reply> {
    let mut body = request.json()?;
    let email = body.required("email", Email::parse);
    let password = body.required("password", Password::parse_known);
    let (email, password) = body.finish(email.zip(password))?;

    let attempt = LoginAttempt::begin(state, &email, &request.source_ip()).await?;
    let verified = verify(state, &email, password).await;
    match &verified {
        Ok(Some(_)) => attempt.forgive(state).await,
        Ok(None) => {}
        Err(_) => attempt.withdraw(state).await,
    }
    let user = verified?.ok_or(Error::WrongCredentials)?;
    let (token, expires_at) = store::create_session(state, user).await?;

    Reply::ok(&Login { access_token: token.expose(), token_type: "bearer", expires_at })
}

/// The user to whom both belong, or `None` after the same amount of work.
async fn verify(state: &State, email: &Email, password: Password) -> Result<Option<UserId>> {
    let credentials = store::credentials(state, email).await?;
    let (user, stored) = credentials.map(|found| (found.user, found.password_hash)).unzip();
    let matches = state.passwords.verify(password.into_secret(), stored).await?;
    Ok(user.filter(|_| matches))
}
