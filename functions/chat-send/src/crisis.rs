//! The answer to a message that looks like a crisis. Nothing that can be away has a part in it.

use std::time::Duration;

use serde_json::value::RawValue;
use shared::domain::validation::FieldReader;
use shared::domain::{Answer, ChatMessage, Safety};
use shared::http::{Request, Response};
use shared::safety::{self, Country, Language};
use shared::{AppState, Result};
use tokio::time::timeout;

/// How long the answer waits for being kept. It comes in under half a second, kept or not, also from an environment that has just waited in vain for
/// its connections.
const KEEP_BUDGET: Duration = Duration::from_millis(120);

/// Words and resources for somebody in a crisis, kept in the conversation if that can be done quickly. Neither looked up nor stored among the
/// model's answers.
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
    match timeout(KEEP_BUDGET, keep(state, request, body, &answer)).await {
        Ok(Ok(kept)) => Response::ok(&kept),
        outcome => {
            // Whoever is not signed in, or sends what cannot be kept, is answered as well, and nothing has failed.
            if outcome.map_or(true, |kept| kept.is_err_and(|error| error.is_ours())) {
                state.metrics().crisis_failure();
            }
            Response::ok(&answer)
        }
    }
}

async fn keep(state: &AppState, request: &Request, body: FieldReader, answer: &Answer) -> Result<Box<RawValue>> {
    let token = request.token()?;
    let message: ChatMessage = body.parse()?;
    token.must_belong_to(message.user_id)?;
    let key = request.idempotency_key(state, "chat-send")?;
    state.store.conversation().append_crisis(&token, &message, answer, key.as_ref()).await
}
