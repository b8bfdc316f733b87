//! A server of somebody else's, as far as a test needs it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// What it is asked.
#[derive(Debug)]
pub struct Question {
    /// The request line and the headers.
    pub head: String,
    /// The body.
    pub body: String,
}

/// A status, a content type and a body.
pub type Answer = (u16, &'static str, String);

/// Starts one on a port of its own, which answers for as long as the process lives, and returns its URL. A question that gets no answer is left
/// waiting.
#[expect(clippy::expect_used, reason = "a test cannot go on without it")]
pub fn start(mut answer: impl FnMut(&Question) -> Option<Answer> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let question = read(&stream).expect("a request");
            let Some((status, kind, body)) = answer(&question) else {
                std::mem::forget(stream);
                continue;
            };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        }
    });
    url
}

fn read(stream: &TcpStream) -> std::io::Result<Question> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while reader.read_line(&mut head)? > 2 {}
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    Ok(Question { head, body: String::from_utf8_lossy(&body).into_owned() })
}
