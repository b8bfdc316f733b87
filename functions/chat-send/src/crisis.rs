//! The reply to a message that looks like a crisis. It depends on nothing that can be unavailable.

use std::time::Duration;

use serde_json::value::RawValue;
use shared::domain::validation::FieldReader;
use shared::domain::{Answer, ChatMessage, Safety};
use shared::http::{Request, Response};
use shared::safety::{self, Country, Language};
use shared::{AppState, Result};
use tokio::time::timeout;

/// The time limit for storing the reply before the response.
///
/// The response arrives within half a second, with the reply stored or not, even from an
/// environment that has just waited in vain for its connections.
const STORE_BUDGET: Duration = Duration::from_millis(120);

/// Returns a reply that people wrote, with resources for a person in a crisis.
///
/// Stores the message and the reply in the conversation if that takes at most [`STORE_BUDGET`]. The
/// cache of the model's replies is neither read nor filled.
pub(crate) async fn answer(
    state: &AppState,
    request: &Request,
    body: FieldReader,
    language: Language,
    country: Option<Country>,
) -> Result<Response> {
    state.metrics().crisis();
    let mut answer = Answer::new(safety::crisis_reply(language).to_owned(), "kai", 1.0);
    answer.metadata.safety = Safety::Warning;
    answer.resources = safety::resources(country);
    match timeout(STORE_BUDGET, store(state, request, body, &answer)).await {
        Ok(Ok(stored)) => Response::ok(&stored),
        outcome => {
            // The reply also goes to a caller who is not signed in, sends an invalid message or
            // exceeds the rate limit. Only an error of the service counts as a failure.
            if outcome.map_or(true, |stored| stored.is_err_and(|error| error.is_ours())) {
                state.metrics().crisis_failure();
            }
            Response::ok(&answer)
        }
    }
}

async fn store(state: &AppState, request: &Request, body: FieldReader, answer: &Answer) -> Result<Box<RawValue>> {
    let token = request.token()?;
    let message: ChatMessage = body.parse()?;
    token.must_belong_to(message.user_id)?;
    let key = request.idempotency_key(state, "chat-send")?;
    state.store.conversation().append_crisis(&token, &message, answer, key.as_ref()).await
}
