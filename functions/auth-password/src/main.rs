//! `POST /api/auth/change-password`: another password, and the end of every session.
//!
//! Who holds a token could guess the password here, so that attempts count as those to sign in do. Success means that no environment accepts
//! the sessions any more, see `auth-logout`.

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

/// Changes the password.
///
/// Ends every session of the account, including the caller's: sign in with the new password next. A
/// wrong `old_password` is `invalid_fields`, and counts as a failed attempt to sign in.
#[utoipa::path(
    post,
    path = "/api/auth/change-password",
    operation_id = "auth-password",
    tag = "accounts",
    security(("bearerAuth" = [])),
    params(("Idempotency-Key", Header)),
    request_body(content = PasswordChange, description = "Both passwords."),
    responses(
        (status = 200, description = "The password has changed.", body = Changed),
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
        return Err(Error::invalid("old_password", "must be the present password"));
    }
    let password_hash = state.passwords.hash(new_password.into_secret()).await?;
    state.store.accounts().change_password(&token, &credentials, &password_hash, key.as_ref()).await?;

    Response::ok(&changed)
}

request! {
    /// The present password, and the one that replaces it.
    #[derive(Debug)]
    struct PasswordChange {
        /// The present password.
        old_password: PresentPassword,
        /// The new password: any characters.
        new_password: NewPassword,
    }
}

/// A confirmation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Message)]
struct Changed {
    /// A text for people.
    message: &'static str,
}
