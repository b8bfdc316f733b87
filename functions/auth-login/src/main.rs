//! `POST /api/auth/login`: opens a session. Open to everybody, a limited number of times for an account and a source.
//!
//! An unknown e-mail address and a wrong password cost the same and get the same answer. When Redis is away the attempts are counted
//! in this environment's memory.

use std::process::ExitCode;

use shared::domain::{Credentials, Email, Grant, LoginAttempt, Password, PresentPassword, request};
use shared::error::Error;
use shared::http::{Request, Response};
use shared::{AppState, Result};

fn main() -> ExitCode {
    shared::run(handle)
}

/// Signs in.
///
/// Opens a session. Its token is valid for 30 days, and each refresh extends it by 30 days, up to 180
/// days after the sign-in. After 10 failed attempts within 15 minutes for one account from one
/// address, or 100 from anywhere, the response is 429.
#[utoipa::path(
    post,
    path = "/api/auth/login",
    operation_id = "auth-login",
    tag = "accounts",
    params(("Idempotency-Key", Header)),
    request_body(content = Login, description = "The credentials."),
    responses(
        (status = 200, description = "The session.", body = Grant),
        (status = 401, description = "wrong_credentials"),
        (status = 429, description = "rate_limited"),
    )
)]
async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let Login { email, password } = request.json()?.parse()?;
    let key = request.idempotency_key(state, "auth-login")?;

    let attempt = LoginAttempt::begin(&state.store, &email, &request.source_ip(state)).await?;
    let verified = verify(state, &email, password).await;
    attempt.conclude(&state.store, verified.as_ref().map(Option::is_some)).await;
    let credentials = verified?.ok_or(Error::WrongCredentials)?;
    let grant = state.store.sessions().create(&credentials, key.as_ref()).await?;

    Response::ok(&grant)
}

request! {
    /// The credentials to sign in with.
    #[derive(Debug)]
    struct Login {
        /// The address of the account, in upper or lower case.
        email: Email,
        /// The password of the account.
        password: PresentPassword,
    }
}

/// What both prove, or `None` after the same amount of work.
async fn verify(state: &AppState, email: &Email, password: Password) -> Result<Option<Credentials>> {
    let credentials = state.store.accounts().credentials(email).await?;
    let stored = credentials.as_ref().map(|found| found.password_hash.clone());
    let matches = state.passwords.verify(password.into_secret(), stored).await?;
    Ok(credentials.filter(|_| matches))
}
