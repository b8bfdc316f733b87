//! The model's part in an answer.

use std::time::Instant;

use shared::AppState;
use shared::domain::{Answer, ChatMessage, ModelReply, Question, Safety, SingleFlight};
use shared::llm::Model;
use shared::safety::{self, Country, Language};

const FALLBACK: &str = "I am sorry, I cannot find an answer right now; that is a fault on my side and nothing that you did. What you wrote has been kept. \
    If it can wait, please write to me again in a few minutes. If it cannot, please turn to somebody you trust, or to a helpline near you.";

/// What the model says to a question that it has not answered before, or that depends on what was said.
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
    let answer = checked(state, &reply, country);
    // What looks like a crisis, on either side, is for this moment only.
    lead.publish(&state.store, Some(&reply).filter(|_| answer.metadata.safety == Safety::Safe)).await;
    answer
}

/// What the model said to the same question before. It was found to be safe then, by the very lists of now: their version is part of its key.
pub(crate) fn repeat(state: &AppState, reply: ModelReply) -> Answer {
    state.metrics().llm_saved();
    let mut answer = said(state, reply.response);
    answer.metadata.cached = true;
    answer
}

/// The model's words, as good as its kind.
fn said(state: &AppState, response: String) -> Answer {
    let confidence = match state.model {
        Model::RuleBased => 0.5,
        Model::Remote(_) => 0.8,
    };
    Answer::new(response, state.model.name(), confidence)
}

/// The model's words as they may be shown.
fn checked(state: &AppState, reply: &ModelReply, country: Option<Country>) -> Answer {
    let (mut answer, safety) = if safety::is_harmful(&reply.response) {
        (Answer::new(safety::withheld_reply(Language::English).to_owned(), "kai", 1.0), Safety::Blocked)
    } else {
        let looks_like_crisis = safety::detect(&reply.response).is_some();
        let safety = if looks_like_crisis { Safety::Warning } else { Safety::Safe };
        (said(state, reply.response.clone()), safety)
    };
    if safety != Safety::Safe {
        state.metrics().crisis();
        answer.resources = safety::resources(country);
    }
    answer.metadata.safety = safety;
    answer
}
