//! `POST /api/chat`: answers a message, and keeps both.
//!
//! A message that looks like a crisis is answered from this process alone, whoever sends it and whatever is away. Any other is answered by the
//! model, or from what it has said to the same before, or by a fallback that says so.

mod crisis;
mod model;

use shared::domain::{ChatLookup, ChatMessage};
use shared::http::{Request, Response};
use shared::llm;
use shared::safety::{self, Country};
use shared::{AppState, Result};

/// Reads `message`, and optionally `user_id`, `country` and `conversation_history`; answers with `response`, `metadata` and `resources`. An
/// `Idempotency-Key` makes it repeatable.
///
/// # Errors
/// `unauthenticated`, `forbidden` for another user's id, `invalid_fields`, `rate_limited`, `idempotency_key_reused`, or `unavailable` when the database
/// is. Each of them carries `resources`.
pub async fn handle(state: &AppState, request: Request) -> Result<Response> {
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
