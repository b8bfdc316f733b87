//! One question to a model over HTTP. What comes back is a stranger's text: bounded, checked, and never followed anywhere else.

use std::time::{Duration, Instant};

use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::Endpoint;
use super::prompt::{Message, Prompt};

/// A connection must be there within this time, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The largest reply that is read, in bytes.
const REPLY_LIMIT: usize = 256 * 1024;
/// The longest answer that is shown and kept, in bytes: two hundred of them fit into a page of the history.
const ANSWER_LIMIT: usize = 16 * 1024;

/// Why a model said nothing. Holds nothing that was asked or answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// No whole reply before the deadline.
    #[error("no answer in time")]
    TimedOut,
    /// No connection, or it broke.
    #[error("the connection failed")]
    Disconnected,
    /// A status other than 200, a redirect among them.
    #[error("the model's server answered {0}")]
    Refused(StatusCode),
    /// The reply is larger than what is read, or the answer than what is shown.
    #[error("the answer is too large")]
    TooLarge,
    /// Not the JSON that was expected, or no text in it.
    #[error("the answer cannot be read")]
    Garbled,
    /// The system cannot verify certificates.
    #[error("there is no HTTP client")]
    NoClient,
}

/// A client that opens a connection for each call: one that was kept may have died while the environment was frozen, and against the seconds
/// that a model takes, opening one is nothing.
pub(super) struct Client {
    http: reqwest::Client,
}

impl Client {
    pub(super) fn new() -> Result<Self, Unanswered> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent("kai")
            .build()
            .map_err(|_| Unanswered::NoClient)?;
        Ok(Self { http })
    }

    /// The answer, before the deadline. Tried once more if there was no connection: then nothing was sent, and nothing received.
    pub(super) async fn complete(
        &self,
        endpoint: &Endpoint,
        prompt: &Prompt<'_>,
        deadline: Instant,
    ) -> Result<String, Unanswered> {
        let attempts = async {
            let response = match self.send(endpoint, prompt).await {
                Err(error) if error.is_connect() => self.send(endpoint, prompt).await,
                outcome => outcome,
            };
            read(response.map_err(|_| Unanswered::Disconnected)?).await
        };
        let left = deadline.saturating_duration_since(Instant::now());
        timeout(left, attempts).await.unwrap_or(Err(Unanswered::TimedOut))
    }

    /// Whether the server is there and knows us. One that does not list its models is there as well.
    pub(super) async fn ping(&self, endpoint: &Endpoint) -> Result<(), Unanswered> {
        let request = authorized(self.http.get(endpoint.base_url.models()), endpoint);
        let status = request.send().await.map_err(|_| Unanswered::Disconnected)?.status();
        let there = status.is_success() || status == StatusCode::NOT_FOUND || status == StatusCode::METHOD_NOT_ALLOWED;
        if there { Ok(()) } else { Err(Unanswered::Refused(status)) }
    }

    async fn send(&self, endpoint: &Endpoint, prompt: &Prompt<'_>) -> reqwest::Result<Response> {
        let body = Completion { model: &endpoint.model, messages: prompt.messages(), stream: false };
        authorized(self.http.post(endpoint.base_url.completions()), endpoint).json(&body).send().await
    }
}

fn authorized(request: RequestBuilder, endpoint: &Endpoint) -> RequestBuilder {
    match &endpoint.key {
        Some(key) => request.bearer_auth(key.expose()),
        None => request,
    }
}

async fn read(mut response: Response) -> Result<String, Unanswered> {
    if response.status() != StatusCode::OK {
        return Err(Unanswered::Refused(response.status()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| Unanswered::Disconnected)? {
        if body.len() + chunk.len() > REPLY_LIMIT {
            return Err(Unanswered::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    let reply: Completed = serde_json::from_slice(&body).map_err(|_| Unanswered::Garbled)?;
    let choice = reply.choices.into_iter().next();
    text(&choice.and_then(|choice| choice.message.content).unwrap_or_default())
}

/// An answer as it is shown and kept: trimmed, and without what Postgres cannot store and a terminal would obey.
fn text(content: &str) -> Result<String, Unanswered> {
    let text: String = content.trim().chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    match text.len() {
        0 => Err(Unanswered::Garbled),
        length if length > ANSWER_LIMIT => Err(Unanswered::TooLarge),
        _ => Ok(text),
    }
}

#[derive(Serialize)]
struct Completion<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    stream: bool,
}

#[derive(Deserialize)]
struct Completed {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Said,
}

#[derive(Deserialize)]
struct Said {
    /// Null when the model calls a tool, which it was given none of, or refuses.
    content: Option<String>,
}
