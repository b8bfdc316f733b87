//! The language model: a server that speaks OpenAI's `chat/completions`, or the companion that is built in.

mod client;
mod endpoint;
mod prompt;
mod rule_based;
mod standalone;

use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::RequestMetrics;

pub use self::client::Unanswered;
pub use self::endpoint::{BaseUrl, Endpoint};
pub use self::prompt::{Prompt, Role, Turn, VERSION};
pub use self::standalone::stands_alone;

/// What answers a person.
#[derive(Debug, Clone)]
pub enum Model {
    /// Reflective listening by rules.
    RuleBased,
    /// A model behind HTTP.
    Remote(Arc<Endpoint>),
}

/// An answer, or what stands in for it, is there within this time.
const DEADLINE: Duration = Duration::from_secs(20);

/// When the model's time is over for a message that comes now, whatever is looked up first and waiting for somebody else's call included.
pub fn deadline() -> Instant {
    Instant::now() + DEADLINE
}

impl Model {
    /// The model's name, as `metadata.model` tells it.
    pub fn name(&self) -> &str {
        match self {
            Self::RuleBased => "built-in",
            Self::Remote(endpoint) => &endpoint.model,
        }
    }

    /// Whether the model's server is there and knows us. The built-in companion always is.
    ///
    /// # Errors
    /// [`Unanswered`] tells why not.
    pub async fn ping(&self) -> Result<(), Unanswered> {
        match self {
            Self::RuleBased => Ok(()),
            Self::Remote(endpoint) => client::ping(endpoint).await,
        }
    }

    /// What the model says, before the deadline.
    ///
    /// # Errors
    /// [`Unanswered`] tells why it said nothing.
    pub async fn answer(
        &self,
        prompt: &Prompt<'_>,
        deadline: Instant,
        metrics: &RequestMetrics,
    ) -> Result<String, Unanswered> {
        let endpoint = match self {
            Self::RuleBased => return Ok(rule_based::answer(prompt)),
            Self::Remote(endpoint) => endpoint,
        };
        let started = Instant::now();
        let answer = client::complete(endpoint, prompt, deadline).await;
        metrics.llm_call(started.elapsed());
        if let Err(reason) = &answer {
            metrics.llm_failure();
            tracing::warn!(%reason, "the model did not answer");
        }
        answer
    }
}
