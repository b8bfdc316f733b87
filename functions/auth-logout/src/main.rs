//! `POST /api/auth/logout`: ends every session of the account, or only the caller's with
//! `?scope=this`.
//!
//! Success means that no environment accepts a token of these sessions from now on. If the sessions
//! have ended in the database but the cache cannot be invalidated, the response is 503, and the
//! outbox completes the invalidation within a minute.

use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value;
use shared::domain::validation::{DefaultField, Field, OrDefault, Parsed, schema};
use shared::domain::{RevocationScope, request};
use shared::http::{Request, Response};
use shared::{AppState, Result};
use utoipa::ToSchema;
use utoipa::openapi::schema::Schema;

fn main() -> ExitCode {
    shared::run(handle)
}

/// Signs out of one or all sessions.
///
/// Ends every session of the account, or only the caller's with `scope=this`. After a 200, no
/// server accepts a token of an ended session. A 503 can mean that the sessions have ended, but
/// that some servers may still accept their tokens for up to a minute.
#[utoipa::path(
    post,
    path = "/api/auth/logout",
    operation_id = "auth-logout",
    tag = "accounts",
    security(("bearerAuth" = [])),
    params(("Idempotency-Key", Header), LogoutQuery),
    responses((status = 200, description = "The sessions have ended.", body = LoggedOut))
)]
async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    let LogoutQuery { scope } = request.query().parse()?;
    let key = request.last_idempotency_key(state, "auth-logout", &token)?;

    state.store.sessions().revoke(&token, scope, key.as_ref()).await?;

    Response::ok(&LoggedOut { message: "Successfully logged out" })
}

request! {
    /// The parameters of a sign-out.
    #[derive(Debug)]
    struct LogoutQuery {
        /// The sessions to end: `all` sessions of the account, or only `this` one, which the
        /// request's token belongs to.
        scope: OrDefault<Scope>,
    }
}

/// A scope as the text of a query.
#[derive(Debug)]
enum Scope {}

impl Field for Scope {
    type Value = RevocationScope;

    fn parse(value: &Value) -> Parsed<RevocationScope> {
        match value.as_str() {
            Some("all") => Ok(RevocationScope::All),
            Some("this") => Ok(RevocationScope::This),
            _ => Err("must be \"all\" or \"this\""),
        }
    }

    fn schema() -> Schema {
        schema::string().enum_values(Some(["all", "this"])).default(Some("all".into())).into()
    }
}

impl DefaultField for Scope {
    const DEFAULT: RevocationScope = RevocationScope::All;
}

/// The confirmation of a successful request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Message)]
struct LoggedOut {
    /// A human-readable confirmation, in English.
    message: &'static str,
}
