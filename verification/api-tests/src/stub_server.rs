//! A stub of an HTTP service that the functions call.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::{mem, thread};

/// A request that the stub has received.
#[derive(Debug, Clone)]
pub struct Request {
    /// The request line and the headers.
    pub head: String,
    /// The body, as text.
    pub body: String,
}

impl Request {
    /// Returns the value of a header, if it is present.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// The response of the stub: a status, a content type and a body.
pub type Response = (u16, &'static str, String);

/// Starts a stub on its own port, and returns its URL. The stub serves one request after the other
/// until the process ends. A request gets no response if `respond` returns `None`.
pub fn start(mut respond: impl FnMut(&Request) -> Option<Response> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a local port is free");
    let url = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // A client may close the connection before it has sent its request.
            let Ok(request) = read_request(&stream) else { continue };
            let Some((status, content_type, body)) = respond(&request) else {
                mem::forget(stream);
                continue;
            };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        }
    });
    url
}

/// Reads one request from a connection.
///
/// # Errors
/// The connection ends before the request is complete.
pub(crate) fn read_request(stream: &TcpStream) -> io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut request = Request { head: String::new(), body: String::new() };
    while reader.read_line(&mut request.head)? > 2 {}
    if !request.head.ends_with("\r\n\r\n") {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let length = request.header("content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    request.body = String::from_utf8_lossy(&body).into_owned();
    Ok(request)
}
