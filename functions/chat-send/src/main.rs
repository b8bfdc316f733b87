//! `POST /api/chat`: answers a message, and keeps both.
//!
//! A message that looks like a crisis is answered from this process alone, whoever sends it and whatever is away. Any other is answered by the
//! model, or from what it has said to the same before, or by a fallback that says so.

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

/// Answers a message.
///
/// The stored conversation goes to the model with the message. A message that looks like a crisis is
/// answered 200 with places to turn to, even without a session and when everything else fails. Every
/// error names such places too.
#[utoipa::path(
    post,
    path = "/api/chat",
    operation_id = "chat-send",
    tag = "chat",
    security(("bearerAuth" = [])),
    params(("Idempotency-Key", Header)),
    request_body(content = ChatMessage, description = "The message."),
    responses(
        (status = 200, description = "Kai's answer.", body = Answer),
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
    // From here on, so that what is slow before the model is asked does not take the time from keeping its answer.
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
