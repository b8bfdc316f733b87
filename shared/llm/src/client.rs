//! One question to a model over HTTP. What comes back is a stranger's text: bounded, checked, and never followed anywhere else.

use std::time::Instant;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::request::Builder;
use http::{Request, Response, StatusCode};
use net::http_client::{self, SendError};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::Endpoint;
use super::prompt::{Message, Prompt};

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
    /// No connection: nothing was sent.
    #[error("there is no connection")]
    Unreached,
    /// The connection broke.
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
}

/// The answer, before the deadline. Tried once more if there was no connection: then nothing was sent, and nothing received.
pub(super) async fn complete(
    endpoint: &Endpoint,
    prompt: &Prompt<'_>,
    deadline: Instant,
) -> Result<String, Unanswered> {
    let body = Completion { model: &endpoint.model, messages: prompt.messages(), stream: false };
    let body = serde_json::to_vec(&body).map_err(|_| Unanswered::Garbled)?;
    let send = || send(endpoint, Request::post(endpoint.base_url.completions().as_str()), body.clone());
    let attempts = async {
        let reply = match send().await {
            Err(Unanswered::Unreached) => send().await,
            outcome => outcome,
        };
        read(&reply?)
    };
    let left = deadline.saturating_duration_since(Instant::now());
    timeout(left, attempts).await.unwrap_or(Err(Unanswered::TimedOut))
}

/// Whether the server is there and knows us. One that does not list its models is there as well.
pub(super) async fn ping(endpoint: &Endpoint) -> Result<(), Unanswered> {
    let request = Request::get(endpoint.base_url.models().as_str());
    let status = match send(endpoint, request, Vec::new()).await {
        // A long list is one.
        Err(Unanswered::TooLarge) => return Ok(()),
        reply => reply?.status(),
    };
    let there = status.is_success() || status == StatusCode::NOT_FOUND || status == StatusCode::METHOD_NOT_ALLOWED;
    if there { Ok(()) } else { Err(Unanswered::Refused(status)) }
}

async fn send(endpoint: &Endpoint, request: Builder, body: Vec<u8>) -> Result<Response<Bytes>, Unanswered> {
    let mut request = request.header(CONTENT_TYPE, "application/json").header(USER_AGENT, "kai");
    if let Some(key) = &endpoint.key {
        request = request.header(AUTHORIZATION, format!("Bearer {}", key.expose()));
    }
    let request = request.body(body).map_err(|_| Unanswered::Unreached)?;
    http_client::send(request, REPLY_LIMIT).await.map_err(|undelivered| match undelivered {
        SendError::NoConnection => Unanswered::Unreached,
        SendError::Broken => Unanswered::Disconnected,
        SendError::TooLarge => Unanswered::TooLarge,
    })
}

fn read(reply: &Response<Bytes>) -> Result<String, Unanswered> {
    if reply.status() != StatusCode::OK {
        return Err(Unanswered::Refused(reply.status()));
    }
    let reply: Completed = serde_json::from_slice(reply.body()).map_err(|_| Unanswered::Garbled)?;
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
