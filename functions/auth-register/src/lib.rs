//! `POST /api/auth/register`: opens an account with an empty profile. Open to everybody; touches no cache.

use shared::domain::{Email, Password};
use shared::http::{Request, Response};
use shared::{AppState, Result};

/// Reads `email` and `password`, and answers 201 with the account. An `Idempotency-Key` makes it repeatable.
///
/// # Errors
/// `invalid_fields`, `email_taken`, `idempotency_key_reused`, or `unavailable` when the database is.
pub async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let mut body = request.json()?;
    let email = body.required("email", Email::parse);
    let password = body.required("password", Password::parse_new);
    let (email, password) = body.finish(email.zip(password))?;
    let key = request.idempotency_key(state, "auth-register")?;

    let password_hash = state.passwords.hash(password.into_secret()).await?;
    let account = state.store.accounts().register(&email, &password_hash, key.as_ref()).await?;

    Response::created(&account)
}
