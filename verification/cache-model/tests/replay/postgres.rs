//! Between an environment and Postgres: the statements of the protocol wait until the schedule lets them pass.

use std::fmt;
use std::io::{self, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};

use crate::board::{Board, Held, Kind, Sent};

/// What the statements that wait are told by.
const STATEMENTS: [(&str, Kind); 4] = [
    ("UPDATE user_profiles", Kind::Commit),
    ("JOIN user_profiles", Kind::Select),
    ("FROM cache_outbox ORDER BY id", Kind::Pending),
    ("DELETE FROM cache_outbox", Kind::Done),
];

/// `ErrorResponse` with the code of a statement that ran into a time limit, and `ReadyForQuery`.
const REFUSAL: &[u8] = b"E\0\0\0\x1cSERROR\0C57014\0Mrefused\0\0\0Z\0\0\0\x05I";

/// A statement that has not arrived: its messages up to `Sync`.
pub(crate) struct Statement {
    line: Arc<Line>,
    messages: Vec<u8>,
}

impl Statement {
    /// Lets it pass, and its answer.
    pub(crate) fn pass(&self) {
        self.line.pass(&self.messages);
    }

    /// Answers that nothing was done.
    pub(crate) fn refuse(&self) {
        let _ = (&self.line.client).write_all(REFUSAL);
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement").finish_non_exhaustive()
    }
}

struct Line {
    client: TcpStream,
    server: Mutex<BufReader<TcpStream>>,
}

impl Line {
    fn pass(&self, messages: &[u8]) {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        server.get_mut().write_all(messages).expect("a Postgres that takes statements");
        let mut answer = Vec::new();
        while let Ok(message) = read_message(&mut *server) {
            answer.extend(&message);
            if hands_over(&message) {
                break;
            }
        }
        // The client may be no more.
        let _ = (&self.client).write_all(&answer);
    }
}

/// Whether it is the client's turn: the server is ready for a statement, or wants to know a password.
fn hands_over(message: &[u8]) -> bool {
    let settled = [0, 12];
    match message {
        [b'Z', ..] => true,
        [b'R', _, _, _, _, _, _, _, step, ..] => !settled.contains(step),
        _ => false,
    }
}

/// Serves one connection until the client closes it.
pub(crate) fn serve(environment: usize, client: TcpStream, server: TcpStream, board: &Board) {
    let mut requests = BufReader::new(client.try_clone().expect("a second handle"));
    let line = Arc::new(Line { client, server: Mutex::new(BufReader::new(server)) });
    if let Ok(first) = read_body(&mut requests, Vec::new()) {
        line.pass(&first);
    }
    let mut messages = Vec::new();
    while let Ok(message) = read_message(&mut requests) {
        let kind = message[0];
        messages.extend(message);
        match kind {
            b'S' | b'Q' | b'p' => {
                let messages = std::mem::take(&mut messages);
                match statement(&messages) {
                    Some(kind) => {
                        let statement = Statement { line: Arc::clone(&line), messages };
                        board.hold(Held { environment, kind, sent: Sent::Statement(statement) });
                    }
                    None => line.pass(&messages),
                }
            }
            // The server learns of the end when nothing waits any more.
            b'X' => return,
            _ => {}
        }
    }
}

fn statement(messages: &[u8]) -> Option<Kind> {
    let holds = |text: &str| messages.windows(text.len()).any(|part| part == text.as_bytes());
    STATEMENTS.into_iter().find(|(text, _)| holds(text)).map(|(_, kind)| kind)
}

fn read_message(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut kind = vec![0];
    from.read_exact(&mut kind)?;
    read_body(from, kind)
}

/// The length, which counts itself, and as much as it says.
fn read_body(from: &mut impl Read, mut message: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    message.extend(length);
    let rest = u64::from(u32::from_be_bytes(length)).saturating_sub(4);
    let read = from.take(rest).read_to_end(&mut message)?;
    if read as u64 == rest { Ok(message) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
