//! `POST /api/auth/logout`: ends every session of the account, or with `?scope=this` the caller's own.
//!
//! Success means that no environment accepts them any more. When the cache cannot be told so, the answer is 503: the sessions are over
//! in the database, and the outbox finishes the rest within a minute.

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

/// Signs out.
///
/// Ends every session of the account, or with `scope=this` only the caller's. Success means that no
/// token of an ended session is accepted any more. A 503 means that the sessions have ended, but not
/// every server knows so yet, which takes at most a minute.
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
    /// Which sessions to end.
    #[derive(Debug)]
    struct LogoutQuery {
        /// All sessions of the account, or the caller's alone.
        scope: OrDefault<Scope>,
    }
}

/// The word for a scope.
#[derive(Debug)]
enum Scope {}

impl Field for Scope {
    type Value = RevocationScope;

    fn parse(value: &Value) -> Parsed<RevocationScope> {
        match value.as_str() {
            Some("all") => Ok(RevocationScope::All),
            Some("this") => Ok(RevocationScope::This),
            _ => Err("must be all or this"),
        }
    }

    fn schema() -> Schema {
        schema::string().enum_values(Some(["all", "this"])).default(Some("all".into())).into()
    }
}

impl DefaultField for Scope {
    const DEFAULT: RevocationScope = RevocationScope::All;
}

/// A confirmation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Message)]
struct LoggedOut {
    /// A text for people.
    message: &'static str,
}
