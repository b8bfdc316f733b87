//! `POST /api/auth/change-password`: replaces the password and ends every session of the account.
//!
//! A client with a stolen token could guess the password here, so failed attempts count as failed
//! sign-ins. Success means that no environment accepts a token of the sessions from now on, as for
//! `auth-logout`.

use std::process::ExitCode;

use serde::Serialize;
use shared::domain::{LoginAttempt, NewPassword, PresentPassword, request};
use shared::error::Error;
use shared::http::{Request, Response};
use shared::{AppState, Result};
use utoipa::ToSchema;

fn main() -> ExitCode {
    shared::run(handle)
}

/// Changes the caller's password.
///
/// Replaces the password and ends every session of the account, including the caller's. Sign in
/// with the new password next. If `old_password` is wrong, the response is 422 `invalid_fields`,
/// and the attempt counts as a failed sign-in.
#[utoipa::path(
    post,
    path = "/api/auth/change-password",
    operation_id = "auth-password",
    tag = "accounts",
    security(("bearerAuth" = [])),
    params(("Idempotency-Key", Header)),
    request_body(content = PasswordChange, description = "The current password and the new one."),
    responses(
        (status = 200, description = "The password has changed, and all sessions have ended.", body = Changed),
        (status = 429, description = "rate_limited"),
    )
)]
async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    let PasswordChange { old_password, new_password } = request.json()?.parse()?;
    let key = request.last_idempotency_key(state, "auth-password", &token)?;
    let changed = Changed { message: "Password changed; sign in again" };
    if state.store.sessions().were_ended(&token, key.as_ref()).await? {
        return Response::ok(&changed);
    }

    let (email, credentials) = state.store.accounts().own_credentials(&token).await?;
    let attempt = LoginAttempt::begin(&state.store, &email, &request.source_ip(state)).await?;
    let verified = state.passwords.verify(old_password.into_secret(), Some(credentials.password_hash.clone())).await;
    attempt.conclude(&state.store, verified.as_ref().copied()).await;
    if !verified? {
        return Err(Error::invalid("old_password", "must be the current password"));
    }
    let password_hash = state.passwords.hash(new_password.into_secret()).await?;
    state.store.accounts().change_password(&token, &credentials, &password_hash, key.as_ref()).await?;

    Response::ok(&changed)
}

request! {
    /// The current password, and the one that replaces it.
    #[derive(Debug)]
    struct PasswordChange {
        /// The current password, 1 to 128 characters long.
        old_password: PresentPassword,
        /// The new password: 8 to 128 characters of any kind.
        new_password: NewPassword,
    }
}

/// The confirmation of a successful request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Message)]
struct Changed {
    /// A human-readable confirmation, in English.
    message: &'static str,
}
