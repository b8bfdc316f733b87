//! `POST /api/auth/register`: creates an account with an empty profile. Needs no token, and does
//! not use the cache.

use std::process::ExitCode;

use shared::domain::{Account, Email, NewPassword, request};
use shared::http::{Request, Response};
use shared::{AppState, Result};

fn main() -> ExitCode {
    shared::run(handle)
}

/// Creates an account with an empty profile.
///
/// Registration does not open a session. Sign in with `POST /api/auth/login` next.
#[utoipa::path(
    post,
    path = "/api/auth/register",
    operation_id = "auth-register",
    tag = "accounts",
    params(("Idempotency-Key", Header)),
    request_body(content = Registration, description = "The credentials of the new account."),
    responses(
        (status = 201, description = "The new account.", body = Account),
        (status = 409, description = "email_taken"),
    )
)]
async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let Registration { email, password } = request.json()?.parse()?;
    let key = request.idempotency_key(state, "auth-register")?;

    let password_hash = state.passwords.hash(password.into_secret()).await?;
    let account = state.store.accounts().register(&email, &password_hash, key.as_ref()).await?;

    Response::created(&account)
}

request! {
    /// The credentials of a new account.
    #[derive(Debug)]
    struct Registration {
        /// The e-mail address, at most 254 bytes: one `@` with up to 64 bytes before it, a domain
        /// with a dot after it, and no spaces. It is stored in lower case.
        email: Email,
        /// The password: 8 to 128 characters of any kind.
        password: NewPassword,
    }
}
