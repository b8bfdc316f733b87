//! `POST /api/chat`: replies to a message, and stores both.
//!
//! This process alone replies to a message that looks like a crisis, for every caller and even if
//! all backends are unavailable. The reply to any other message comes from the model or from the
//! cache of its replies. If the model fails, it is a fallback that is marked as such.

mod crisis;
mod model;

use std::process::ExitCode;

use shared::domain::{Answer, ChatLookup, ChatMessage};
use shared::http::{Request, Response};
use shared::llm;
use shared::safety::{self, Country};
use shared::{AppState, Result};

fn main() -> ExitCode {
    shared::run_with_resources(handle)
}

/// Replies to a message.
///
/// Kai takes the profile and the latest 20 messages of the conversation into account, and stores
/// the message and the reply. If the language model is unavailable, the reply is a fallback, and
/// `metadata.fallback` is true. A user may send 30 messages per minute.
///
/// A message that looks like a crisis gets a 200 with crisis services, even without a session, and
/// even if other parts of the service fail. Every error of this operation also lists crisis
/// services, except the gateway's own errors.
#[utoipa::path(
    post,
    path = "/api/chat",
    operation_id = "chat-send",
    tag = "chat",
    security(("bearerAuth" = [])),
    params(("Idempotency-Key", Header)),
    request_body(content = ChatMessage, description = "The message."),
    responses(
        (status = 200, description = "Kai's reply.", body = Answer),
        (status = 403, description = "forbidden"),
        (status = 429, description = "rate_limited"),
    ),
    extensions(("x-errors-have-resources" = json!(true)))
)]
async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let body = request.json()?;
    let country = body.peek("country").and_then(Country::parse).or_else(|| request.country());
    if let Some(language) = body.peek("message").and_then(safety::detect) {
        return crisis::answer(state, &request, body, language, country).await;
    }
    let token = request.token()?;
    let message: ChatMessage = body.parse()?;
    token.must_belong_to(message.user_id)?;
    let key = request.idempotency_key(state, "chat-send")?;
    // The model's time begins before the lookup. A slow lookup shortens the model's time, not the
    // time that is left for storing the reply.
    let deadline = llm::deadline();

    let conversation = state.store.conversation();
    let lookup = Box::pin(conversation.look_up(&token, state.model.name(), &message, key.as_ref())).await?;
    let stored = match lookup {
        ChatLookup::Replayed(first) => return Response::ok(&first),
        ChatLookup::Cached(reply, exchange) => {
            let answer = model::repeat(state, reply);
            conversation.append_announced(exchange, &token, &message, &answer, key.as_ref()).await?
        }
        ChatLookup::Uncached(question) => {
            let answer = model::answer(state, *question, &message, country, deadline).await;
            conversation.append(&token, &message, &answer, key.as_ref()).await?
        }
    };

    Response::ok(&stored)
}
