//! `POST /api/auth/login`: opens a session. Needs no token, and limits the failed attempts for an
//! account and from an IP address.
//!
//! An unknown e-mail address and a wrong password cost the same work and get the same response. If
//! Redis is unavailable, this environment counts the attempts in memory.

use std::process::ExitCode;

use shared::domain::{Credentials, Email, Grant, LoginAttempt, Password, PresentPassword, request};
use shared::error::Error;
use shared::http::{Request, Response};
use shared::{AppState, Result};

fn main() -> ExitCode {
    shared::run(handle)
}

/// Signs in with an e-mail address and a password.
///
/// Opens a session and returns its token, which is valid for 30 days. `POST /api/auth/refresh`
/// replaces it with a token that is valid for another 30 days, up to 180 days after the sign-in.
///
/// Failed attempts within 15 minutes are limited to 10 for an account from one IP address, 100 for
/// an account, and 100 from one IP address. The response to further attempts is 429.
#[utoipa::path(
    post,
    path = "/api/auth/login",
    operation_id = "auth-login",
    tag = "accounts",
    params(("Idempotency-Key", Header)),
    request_body(content = Login, description = "The e-mail address and the password."),
    responses(
        (status = 200, description = "The new session.", body = Grant),
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
    /// The credentials of an account.
    #[derive(Debug)]
    struct Login {
        /// The e-mail address of the account, in upper or lower case.
        email: Email,
        /// The password of the account, 1 to 128 characters long.
        password: PresentPassword,
    }
}

/// Returns the account's credentials if the password matches them, or `None` after the same amount
/// of work.
async fn verify(state: &AppState, email: &Email, password: Password) -> Result<Option<Credentials>> {
    let credentials = state.store.accounts().credentials(email).await?;
    let stored = credentials.as_ref().map(|found| found.password_hash.clone());
    let matches = state.passwords.verify(password.into_secret(), stored).await?;
    Ok(credentials.filter(|_| matches))
}
