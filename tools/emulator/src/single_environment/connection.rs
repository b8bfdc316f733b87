//! A connection to a runtime that is read without blocking.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::{str, thread};

use bytes::Bytes;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::invocation::Event;

/// The default name of the function, and the name of its log group and log stream.
pub(super) const NAME: &str = "single-environment";

/// The maximum number of headers of a request, which is more than a runtime sends.
const MAX_HEADERS: usize = 64;

#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    /// Whether the runtime requested that the connection close after the response to its last
    /// request.
    close_after_response: bool,
    closed: bool,
}

/// A request of a runtime.
#[derive(Debug)]
pub(super) enum Request {
    Next,
    Response(Bytes),
    /// An error of the function or of its initialisation.
    Error(Bytes),
    Register,
    ExtensionNext,
    Unknown(String),
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Result<Self> {
        let prepared = stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true));
        prepared.map_err(|error| Error::environment(format!("cannot configure the program's connection: {error}")))?;
        Ok(Self { stream, received: Vec::with_capacity(64 * 1024), close_after_response: false, closed: false })
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Reads the bytes that have arrived.
    pub(super) fn receive(&mut self) {
        let mut buffer = [0; 64 * 1024];
        while !self.closed {
            match self.stream.read(&mut buffer) {
                Ok(0) => self.closed = true,
                Ok(length) => {
                    self.received.extend_from_slice(buffer.get(..length).unwrap_or_default());
                    // A short read has emptied the socket, so another call would return nothing.
                    if length < buffer.len() {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.closed = true,
            }
        }
    }

    /// Removes a request from the received bytes. Returns `None` if the request is incomplete.
    pub(super) fn next_request(&mut self) -> Result<Option<Request>> {
        if self.received.is_empty() {
            return Ok(None);
        }
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let head = match request.parse(&self.received) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(Error::environment(format!("the program sent invalid HTTP: {error}"))),
        };
        let header = |name: &str| {
            let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
            found.and_then(|header| str::from_utf8(header.value).ok())
        };
        if header("transfer-encoding").is_some() {
            return Err(Error::environment(
                "the program sent a request with Transfer-Encoding, which is not supported",
            ));
        }
        let length = header("content-length").and_then(|length| length.parse::<usize>().ok()).unwrap_or(0);
        let Some(body) = self.received.get(head..head.saturating_add(length)) else { return Ok(None) };
        let body = Bytes::copy_from_slice(body);
        self.close_after_response = header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let (method, path) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
        let request = classify(method, path, body);
        self.received.drain(..head.saturating_add(length));
        Ok(Some(request))
    }

    /// Sends a response, and closes the connection if the runtime requested it.
    pub(super) fn send(&mut self, mut message: &[u8]) -> Result<()> {
        while !message.is_empty() {
            match self.stream.write(message) {
                Ok(written) => message = message.get(written..).unwrap_or_default(),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                    thread::yield_now();
                }
                Err(error) => {
                    return Err(Error::environment(format!("cannot write to the program's connection: {error}")));
                }
            }
        }
        if self.close_after_response {
            self.closed = true;
            // This fails if the runtime has closed the connection first.
            let _ = self.stream.shutdown(Shutdown::Both);
        }
        Ok(())
    }

    pub(super) fn send_accepted(&mut self) -> Result<()> {
        self.send(
            b"HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{\"status\":\"OK\"}",
        )
    }

    pub(super) fn send_registration(&mut self) -> Result<()> {
        let document = format!(r#"{{"functionName":"{NAME}","functionVersion":"$LATEST","handler":"bootstrap"}}"#);
        let id = Uuid::new_v4();
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nlambda-extension-identifier: {id}\r\n");
        self.send(format!("{head}content-length: {}\r\n\r\n{document}", document.len()).as_bytes())
    }
}

/// Encodes an event as an HTTP response.
pub(super) fn encode_event(event: &Event) -> Vec<u8> {
    let mut message = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nlambda-runtime-aws-request-id: {}\r\n\
         lambda-runtime-deadline-ms: {}\r\n\
         lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:123456789012:function:{NAME}\r\n\
         lambda-runtime-trace-id: {}\r\ncontent-length: {}\r\n\r\n",
        event.request_id,
        event.deadline,
        event.trace,
        event.payload.len()
    )
    .into_bytes();
    message.extend_from_slice(&event.payload);
    message
}

fn classify(method: &str, path: &str, body: Bytes) -> Request {
    let runtime = path.strip_prefix("/2018-06-01/runtime/");
    match (method, runtime, path) {
        ("GET", Some("invocation/next"), _) => Request::Next,
        ("POST", Some(path), _) if path.ends_with("/response") => Request::Response(body),
        ("POST", Some(path), _) if path.ends_with("/error") => Request::Error(body),
        ("POST", _, "/2020-01-01/extension/register") => Request::Register,
        ("GET", _, "/2020-01-01/extension/event/next") => Request::ExtensionNext,
        _ => Request::Unknown(format!("{method} {path}")),
    }
}
