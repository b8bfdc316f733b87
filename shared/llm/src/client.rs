//! The HTTP client of a model. Its response is untrusted text: the size is limited, the content is
//! validated, and no URL in it is followed.

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

/// The largest response that is read, in bytes.
const REPLY_LIMIT: usize = 256 * 1024;
/// The longest reply that is shown and stored, in bytes. Two hundred of them fit into a page of the
/// history.
const ANSWER_LIMIT: usize = 16 * 1024;

/// The reason why a model did not reply. It contains no part of the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// There was no complete response before the deadline.
    #[error("no response in time")]
    TimedOut,
    /// No connection could be established, and nothing was sent.
    #[error("there is no connection")]
    Unreachable,
    /// The connection broke, or the response is not valid HTTP.
    #[error("the connection failed")]
    Disconnected,
    /// The status of the response is not 200. Redirects are not followed.
    #[error("the model's server responded with {0}")]
    Status(StatusCode),
    /// The response or the reply in it is larger than the limit.
    #[error("the reply is too large")]
    TooLarge,
    /// The response is not the expected JSON, or contains no text.
    #[error("the reply is malformed or empty")]
    Malformed,
}

/// Returns the model's reply before the deadline. Retries once if no connection could be
/// established, because nothing was sent then.
pub(super) async fn complete(
    endpoint: &Endpoint,
    prompt: &Prompt<'_>,
    deadline: Instant,
) -> Result<String, ReplyError> {
    let body = CompletionRequest { model: &endpoint.model, messages: prompt.messages(), stream: false };
    let body = serde_json::to_vec(&body).map_err(|_| ReplyError::Malformed)?;
    let send = || send(endpoint, Request::post(endpoint.base_url.completions().as_str()), body.clone());
    let attempts = async {
        let reply = match send().await {
            Err(ReplyError::Unreachable) => send().await,
            outcome => outcome,
        };
        read(&reply?)
    };
    let left = deadline.saturating_duration_since(Instant::now());
    timeout(left, attempts).await.unwrap_or(Err(ReplyError::TimedOut))
}

/// Checks whether the server is available and accepts the key. A server that does not list its
/// models (404 or 405) counts as available.
pub(super) async fn ping(endpoint: &Endpoint) -> Result<(), ReplyError> {
    let request = Request::get(endpoint.base_url.models().as_str());
    let status = match send(endpoint, request, Vec::new()).await {
        // A list that exceeds the limit is a valid response.
        Err(ReplyError::TooLarge) => return Ok(()),
        reply => reply?.status(),
    };
    let is_available =
        status.is_success() || status == StatusCode::NOT_FOUND || status == StatusCode::METHOD_NOT_ALLOWED;
    if is_available { Ok(()) } else { Err(ReplyError::Status(status)) }
}

async fn send(endpoint: &Endpoint, request: Builder, body: Vec<u8>) -> Result<Response<Bytes>, ReplyError> {
    let mut request = request.header(CONTENT_TYPE, "application/json").header(USER_AGENT, "kai");
    if let Some(key) = &endpoint.key {
        request = request.header(AUTHORIZATION, format!("Bearer {}", key.expose()));
    }
    let request = request.body(body).map_err(|_| ReplyError::Unreachable)?;
    http_client::send(request, REPLY_LIMIT).await.map_err(|error| match error {
        SendError::NoConnection => ReplyError::Unreachable,
        SendError::Broken => ReplyError::Disconnected,
        SendError::TooLarge => ReplyError::TooLarge,
    })
}

fn read(reply: &Response<Bytes>) -> Result<String, ReplyError> {
    if reply.status() != StatusCode::OK {
        return Err(ReplyError::Status(reply.status()));
    }
    let reply: CompletionResponse = serde_json::from_slice(reply.body()).map_err(|_| ReplyError::Malformed)?;
    let choice = reply.choices.into_iter().next();
    text(&choice.and_then(|choice| choice.message.content).unwrap_or_default())
}

/// Returns a reply as it is shown and stored: trimmed, and without control characters, which
/// Postgres cannot store or a terminal would interpret.
fn text(content: &str) -> Result<String, ReplyError> {
    let text: String = content.trim().chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    match text.len() {
        0 => Err(ReplyError::Malformed),
        length if length > ANSWER_LIMIT => Err(ReplyError::TooLarge),
        _ => Ok(text),
    }
}

#[derive(Serialize)]
struct CompletionRequest<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    stream: bool,
}

#[derive(Deserialize)]
struct CompletionResponse {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: ReplyMessage,
}

#[derive(Deserialize)]
struct ReplyMessage {
    /// Null if the model calls a tool, although it was given none, or declines to reply.
    content: Option<String>,
}
