//! A stub of a language model. It implements `chat/completions`, and fails on demand.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{mem, thread};

use serde_json::{Value, json};

use crate::stub_server::read_request;

/// The response of the model to a call.
#[derive(Debug, Clone)]
pub enum ModelResponse {
    /// Responds with this text.
    Text(String),
    /// Responds with this text after a delay.
    DelayedText(Duration, String),
    /// Responds with this text after [`StubModel::release`].
    HeldText(String),
    /// Sends a valid response at one byte per second.
    Trickle,
    /// Responds with this status and the body of an error.
    Status(u16),
    /// Responds with status 200 and this body, which may be invalid.
    Body(Vec<u8>),
    /// Announces a longer body than it sends, and closes the connection.
    TruncatedBody,
    /// Redirects the caller to this URL.
    Redirect(String),
    /// Responds with a text of this length, in bytes.
    LongText(usize),
    /// Closes the connection without a response.
    Disconnect,
}

/// A stub of a language model on its own port. It runs in threads until the process ends.
#[derive(Debug, Clone)]
pub struct StubModel {
    port: u16,
    state: Arc<Mutex<State>>,
    released: Arc<Condvar>,
}

#[derive(Debug)]
struct State {
    response: ModelResponse,
    calls: Vec<Value>,
    authorization: Option<String>,
    is_released: bool,
}

impl StubModel {
    /// Starts a model that responds with a greeting.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a local port is free");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let response = ModelResponse::Text("Hello from the model.".to_owned());
        let state = State { response, calls: Vec::new(), authorization: None, is_released: false };
        let model = Self { port, state: Arc::new(Mutex::new(state)), released: Arc::default() };
        let serving = model.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let model = serving.clone();
                // An error means that the caller has closed the connection, which some tests
                // provoke.
                thread::spawn(move || model.serve(stream));
            }
        });
        model
    }

    /// Returns the environment variables that make a function call this model.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LLM_BASE_URL", self.url()),
            ("LLM_MODEL", "scripted".to_owned()),
            ("LLM_API_KEY", "sk-scripted".to_owned()),
        ]
    }

    /// Returns the base URL for `LLM_BASE_URL`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// Sets the response to all calls from now on.
    pub fn respond_with(&self, response: ModelResponse) {
        self.state().response = response;
    }

    /// Sends the responses to all calls that [`ModelResponse::HeldText`] delays, and does not delay
    /// later ones.
    pub fn release(&self) {
        self.state().is_released = true;
        self.released.notify_all();
    }

    /// Returns the number of calls that have been received since the last
    /// [`take_calls`](Self::take_calls).
    pub fn call_count(&self) -> usize {
        self.state().calls.len()
    }

    /// Returns the bodies of all calls since the last call of this method.
    pub fn take_calls(&self) -> Vec<Value> {
        mem::take(&mut self.state().calls)
    }

    /// Returns the `Authorization` header of the last call.
    pub fn authorization(&self) -> Option<String> {
        self.state().authorization.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let request = read_request(&stream)?;
        let response = {
            let mut state = self.state();
            state.calls.push(serde_json::from_str(&request.body).unwrap_or(Value::Null));
            state.authorization = request.header("authorization").map(str::to_owned);
            state.response.clone()
        };
        if matches!(response, ModelResponse::HeldText(_)) {
            let _released = self.released.wait_while(self.state(), |state| !state.is_released);
        }
        response.send(&mut stream)?;
        stream.shutdown(Shutdown::Both)
    }
}

impl ModelResponse {
    fn send(&self, stream: &mut TcpStream) -> io::Result<()> {
        match self {
            Self::Text(text) | Self::HeldText(text) => send(stream, 200, &completion(text)),
            Self::DelayedText(delay, text) => {
                thread::sleep(*delay);
                send(stream, 200, &completion(text))
            }
            Self::Trickle => {
                let body = completion("slow");
                stream.write_all(head(200, body.len()).as_bytes())?;
                for byte in body {
                    stream.write_all(&[byte])?;
                    thread::sleep(Duration::from_secs(1));
                }
                Ok(())
            }
            Self::Status(status) => send(stream, *status, br#"{"error": {"message": "no"}}"#),
            Self::Body(body) => send(stream, 200, body),
            Self::TruncatedBody => {
                let body = completion("half of this is missing");
                stream.write_all(head(200, body.len()).as_bytes())?;
                stream.write_all(&body[..body.len() / 2])
            }
            Self::Redirect(to) => {
                let head = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(head.as_bytes())
            }
            Self::LongText(size) => send(stream, 200, &completion(&"x".repeat(*size))),
            Self::Disconnect => Ok(()),
        }
    }
}

fn send(stream: &mut TcpStream, status: u16, body: &[u8]) -> io::Result<()> {
    stream.write_all(head(status, body.len()).as_bytes())?;
    stream.write_all(body)
}

fn head(status: u16, length: usize) -> String {
    format!("HTTP/1.1 {status} Scripted\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n")
}

fn completion(text: &str) -> Vec<u8> {
    let message = json!({"role": "assistant", "content": text});
    json!({"id": "c-1", "object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
        .to_string()
        .into_bytes()
}
