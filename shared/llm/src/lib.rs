//! The language model: a server that implements OpenAI's `chat/completions`, or the built-in
//! companion.

mod client;
mod endpoint;
mod prompt;
mod rule_based;
mod standalone;

use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::RequestMetrics;

pub use self::client::ReplyError;
pub use self::endpoint::{BaseUrl, Endpoint};
pub use self::prompt::{Prompt, Role, Turn, VERSION};
pub use self::standalone::stands_alone;

/// The model that replies to chat messages.
#[derive(Debug, Clone)]
pub enum Model {
    /// The built-in companion, which replies by rules.
    RuleBased,
    /// A model behind HTTP.
    Remote(Arc<Endpoint>),
}

/// The time from a message to the reply of the model or its fallback.
const DEADLINE: Duration = Duration::from_secs(20);

/// Returns the deadline of the model for a message that arrives now: in 20 s. The lookups before
/// the call, and the wait for the call of another request, count too.
pub fn deadline() -> Instant {
    Instant::now() + DEADLINE
}

impl Model {
    /// Returns the name of the model, as in `metadata.model` of the response.
    pub fn name(&self) -> &str {
        match self {
            Self::RuleBased => "built-in",
            Self::Remote(endpoint) => &endpoint.model,
        }
    }

    /// Checks whether the model's server is available and accepts the key. The built-in companion
    /// is always available.
    ///
    /// # Errors
    /// Returns the reason if the server is unavailable or rejects the key.
    pub async fn ping(&self) -> Result<(), ReplyError> {
        match self {
            Self::RuleBased => Ok(()),
            Self::Remote(endpoint) => client::ping(endpoint).await,
        }
    }

    /// Returns the reply of the model before the deadline.
    ///
    /// # Errors
    /// Returns the reason if the model does not reply.
    pub async fn answer(
        &self,
        prompt: &Prompt<'_>,
        deadline: Instant,
        metrics: &RequestMetrics,
    ) -> Result<String, ReplyError> {
        let endpoint = match self {
            Self::RuleBased => return Ok(rule_based::answer(prompt)),
            Self::Remote(endpoint) => endpoint,
        };
        let started = Instant::now();
        let answer = client::complete(endpoint, prompt, deadline).await;
        metrics.llm_call(started.elapsed());
        if let Err(reason) = &answer {
            metrics.llm_failure();
            tracing::warn!(%reason, "the model did not reply; the user gets the fallback reply");
        }
        answer
    }
}
