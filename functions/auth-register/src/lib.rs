//! `POST /api/auth/register`: opens an account with an empty profile. Open to everybody; touches no cache.

use shared::domain::{Email, NewPassword, request};
use shared::http::{Request, Response};
use shared::{AppState, Result};

request! {
    /// The credentials of a new account.
    #[derive(Debug)]
    struct Registration {
        /// One `@` with up to 64 bytes before it, a domain with a dot after it, and no spaces. It is
        /// stored in lower case.
        email: Email,
        /// Any characters.
        password: NewPassword,
    }
}

/// Reads `email` and `password`, and answers 201 with the account. An `Idempotency-Key` makes it repeatable.
///
/// # Errors
/// `invalid_fields`, `email_taken`, `idempotency_key_reused`, or `unavailable` when the database is.
pub async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let Registration { email, password } = request.json()?.parse()?;
    let key = request.idempotency_key(state, "auth-register")?;

    let password_hash = state.passwords.hash(password.into_secret()).await?;
    let account = state.store.accounts().register(&email, &password_hash, key.as_ref()).await?;

    Response::created(&account)
}
