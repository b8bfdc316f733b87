//! A language model that does as it is told: it speaks `chat/completions`, and fails on demand.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// What the model does with a call.
#[derive(Debug, Clone)]
pub enum Script {
    /// Answers with this text.
    Say(String),
    /// Answers with this text after a while.
    SayAfter(Duration, String),
    /// Sends a correct answer, a byte each second.
    Trickle,
    /// Answers with this status and an error's body.
    Status(u16),
    /// Answers 200 with this body, whatever it is.
    Body(Vec<u8>),
    /// Promises more than it sends, and hangs up.
    HalfBody,
    /// Sends the caller elsewhere.
    Redirect(String),
    /// Answers with so many bytes.
    Huge(usize),
    /// Hangs up without a word.
    HangUp,
}

/// A server on a port of its own, with threads of its own. It goes on until the process ends.
#[derive(Debug, Clone)]
pub struct Model {
    port: u16,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    script: Script,
    calls: Vec<Value>,
    authorization: Option<String>,
}

impl Model {
    /// Starts a model that answers with a greeting.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared =
            Shared { script: Script::Say("Hello from the model.".to_owned()), calls: Vec::new(), authorization: None };
        let model = Self { port, shared: Arc::new(Mutex::new(shared)) };
        let serving = model.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let model = serving.clone();
                // A caller that hangs up in the middle is what some tests are about.
                thread::spawn(move || model.serve(stream));
            }
        });
        model
    }

    /// The variables that point a function to this model.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LLM_BASE_URL", self.url()),
            ("LLM_MODEL", "scripted".to_owned()),
            ("LLM_API_KEY", "sk-scripted".to_owned()),
        ]
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// Does this from now on.
    pub fn play(&self, script: Script) {
        self.shared().script = script;
    }

    /// The bodies of all calls since the last time.
    pub fn take(&self) -> Vec<Value> {
        std::mem::take(&mut self.shared().calls)
    }

    /// The `Authorization` header of the last call.
    pub fn authorization(&self) -> Option<String> {
        self.shared().authorization.clone()
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let (mut length, mut authorization, mut line) = (0, None, String::new());
        while reader.read_line(&mut line)? > 2 {
            if let Some((name, value)) = line.split_once(':') {
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.trim().parse().unwrap_or(0),
                    "authorization" => authorization = Some(value.trim().to_owned()),
                    _ => {}
                }
            }
            line.clear();
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let script = {
            let mut shared = self.shared();
            shared.calls.push(serde_json::from_slice(&body).unwrap_or(Value::Null));
            shared.authorization = authorization;
            shared.script.clone()
        };
        script.play(&mut stream)?;
        stream.shutdown(Shutdown::Both)
    }
}

impl Script {
    fn play(&self, stream: &mut TcpStream) -> io::Result<()> {
        match self {
            Self::Say(text) => respond(stream, 200, &completion(text)),
            Self::SayAfter(delay, text) => {
                thread::sleep(*delay);
                respond(stream, 200, &completion(text))
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
            Self::Status(status) => respond(stream, *status, br#"{"error": {"message": "no"}}"#),
            Self::Body(body) => respond(stream, 200, body),
            Self::HalfBody => {
                let body = completion("half of this is missing");
                stream.write_all(head(200, body.len()).as_bytes())?;
                stream.write_all(&body[..body.len() / 2])
            }
            Self::Redirect(to) => {
                let head = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(head.as_bytes())
            }
            Self::Huge(size) => respond(stream, 200, &completion(&"x".repeat(*size))),
            Self::HangUp => Ok(()),
        }
    }
}

fn respond(stream: &mut TcpStream, status: u16, body: &[u8]) -> io::Result<()> {
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
