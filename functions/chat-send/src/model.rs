//! Replies of the model.

use std::time::Instant;

use shared::AppState;
use shared::domain::{Answer, ChatMessage, ModelReply, Question, Safety, SingleFlight};
use shared::llm::Model;
use shared::safety::{self, Country, Language};

/// The reply if the model fails.
const FALLBACK: &str = "I am sorry, I cannot find an answer right now. That is a fault on my side, not \
    yours. Your message has been saved. If it can wait, please write to me again in a few minutes. If \
    it cannot, please turn to someone you trust, or to a helpline near you.";

/// Asks the model to reply to a question that has no usable reply in the cache.
///
/// If several requests ask the same question at the same time, only one of them calls the model.
pub(crate) async fn answer(
    state: &AppState,
    mut question: Question,
    message: &ChatMessage,
    country: Option<Country>,
    deadline: Instant,
) -> Answer {
    let lead = match SingleFlight::join(&state.store, &mut question, deadline).await {
        SingleFlight::Completed(reply) => return repeat(state, reply),
        SingleFlight::Leader(lead) => lead,
    };
    let Ok(response) = state.model.answer(&question.prompt(message), deadline, state.metrics()).await else {
        lead.publish(&state.store, None).await;
        let mut answer = Answer::new(FALLBACK.to_owned(), "kai", 0.0);
        answer.metadata.fallback = true;
        return answer;
    };
    let reply = ModelReply { response };
    let answer = check(state, &reply, country);
    // Only a safe reply is cached. A reply to a crisis is for this moment only.
    lead.publish(&state.store, Some(&reply).filter(|_| answer.metadata.safety == Safety::Safe)).await;
    answer
}

/// Returns the cached reply to the same question. It was found to be safe when it was made, with
/// the phrase lists of this build: their version is part of its cache key.
pub(crate) fn repeat(state: &AppState, reply: ModelReply) -> Answer {
    state.metrics().llm_saved();
    let mut answer = from_model(state, reply.response);
    answer.metadata.cached = true;
    answer
}

/// Returns a reply of the model, with the confidence that belongs to the kind of model.
fn from_model(state: &AppState, response: String) -> Answer {
    let confidence = match state.model {
        Model::RuleBased => 0.5,
        Model::Remote(_) => 0.8,
    };
    Answer::new(response, state.model.name(), confidence)
}

/// Returns a reply of the model that may be shown: replaces a harmful one, and adds resources to
/// one that looks like a crisis.
fn check(state: &AppState, reply: &ModelReply, country: Option<Country>) -> Answer {
    let (mut answer, safety) = if safety::is_harmful(&reply.response) {
        (Answer::new(safety::withheld_reply(Language::English).to_owned(), "kai", 1.0), Safety::Blocked)
    } else {
        let looks_like_crisis = safety::detect(&reply.response).is_some();
        let safety = if looks_like_crisis { Safety::Warning } else { Safety::Safe };
        (from_model(state, reply.response.clone()), safety)
    };
    if safety != Safety::Safe {
        state.metrics().crisis();
        answer.resources = safety::resources(country);
    }
    answer.metadata.safety = safety;
    answer
}
