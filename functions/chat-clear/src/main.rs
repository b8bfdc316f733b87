//! `DELETE /api/chat/session/{user_id}`: deletes the caller's conversation and drops the model's
//! cached replies. The client may repeat the request.

use std::process::ExitCode;

use serde::Serialize;
use shared::domain::UserId;
use shared::http::{Request, Response};
use shared::{AppState, Result};
use utoipa::ToSchema;

fn main() -> ExitCode {
    shared::run(handle)
}

/// Deletes the caller's conversation.
///
/// Deletes the conversation with all its messages permanently. The request also succeeds if there
/// is no conversation.
#[utoipa::path(
    delete,
    path = "/api/chat/session/{user_id}",
    operation_id = "chat-clear",
    tag = "chat",
    security(("bearerAuth" = [])),
    params(("user_id", Path), ("Idempotency-Key", Header)),
    responses(
        (status = 200, description = "The conversation is deleted.", body = Cleared),
        (status = 403, description = "forbidden"),
    )
)]
async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    token.must_belong_to(Some(request.path_user_id()?))?;
    let key = request.idempotency_key(state, "chat-clear")?;

    state.store.conversation().clear(&token, key.as_ref()).await?;

    Response::ok(&Cleared { status: Status::SessionCleared, user_id: token.user_id() })
}

/// A confirmation that the conversation is deleted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SessionCleared)]
struct Cleared {
    #[schema(inline)]
    status: Status,
    /// The id of the user whose conversation is deleted.
    user_id: UserId,
}

/// Always the text `session cleared`.
#[derive(Debug, Serialize, ToSchema)]
enum Status {
    #[serde(rename = "session cleared")]
    SessionCleared,
}
