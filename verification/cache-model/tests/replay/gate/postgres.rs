//! The gate in front of Postgres. The statements of the protocol wait until the schedule delivers
//! them.

use std::io::{self, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};

use super::Operation;

/// Texts that identify the statements of the protocol.
const STATEMENTS: [(&str, Operation); 4] = [
    ("UPDATE user_profiles", Operation::Commit),
    ("JOIN user_profiles", Operation::Select),
    ("FROM cache_outbox ORDER BY id", Operation::Pending),
    ("DELETE FROM cache_outbox", Operation::Done),
];

/// An `ErrorResponse` with the code of a cancelled statement, which Postgres sends after a time
/// limit, and a `ReadyForQuery`.
const REJECTION: &[u8] = b"E\0\0\0\x1cSERROR\0C57014\0Mrefused\0\0\0Z\0\0\0\x05I";

/// Serves one connection until the client closes it, and passes the statements of the protocol to
/// `hold`.
pub(crate) fn serve(client: TcpStream, server: TcpStream, hold: impl Fn(Operation, Statement)) {
    let mut requests = BufReader::new(client.try_clone().expect("the socket can be cloned"));
    let connection = Arc::new(Connection { client, server: Mutex::new(BufReader::new(server)) });
    if let Ok(startup) = read_body(&mut requests, Vec::new()) {
        connection.execute(&startup);
    }
    let mut messages = Vec::new();
    while let Ok(message) = read_message(&mut requests) {
        let message_type = message[0];
        messages.extend(message);
        match message_type {
            b'S' | b'Q' | b'p' => {
                let messages = std::mem::take(&mut messages);
                match operation(&messages) {
                    Some(operation) => {
                        hold(operation, Statement { connection: Arc::clone(&connection), messages });
                    }
                    None => connection.execute(&messages),
                }
            }
            // The connection to the server is closed when no statement waits any more.
            b'X' => return,
            _ => {}
        }
    }
}

/// A statement that has not arrived at the server: its messages up to `Sync`.
pub(crate) struct Statement {
    connection: Arc<Connection>,
    messages: Vec<u8>,
}

impl Statement {
    /// Executes the statement and passes on the response.
    pub(crate) fn execute(&self) {
        self.connection.execute(&self.messages);
    }

    /// Responds with an error and does not pass the statement to the server.
    pub(crate) fn reject(&self) {
        let _ = (&self.connection.client).write_all(REJECTION);
    }
}

struct Connection {
    client: TcpStream,
    server: Mutex<BufReader<TcpStream>>,
}

impl Connection {
    fn execute(&self, messages: &[u8]) {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        server.get_mut().write_all(messages).expect("Postgres accepts the statement");
        let mut response = Vec::new();
        while let Ok(message) = read_message(&mut *server) {
            response.extend(&message);
            if hands_over(&message) {
                break;
            }
        }
        // The client may have closed the connection.
        let _ = (&self.client).write_all(&response);
    }
}

/// Returns whether the client sends the next message: the server is ready for a statement, or asks
/// for a password.
fn hands_over(message: &[u8]) -> bool {
    let authenticated = [0, 12];
    match message {
        [b'Z', ..] => true,
        [b'R', _, _, _, _, _, _, _, step, ..] => !authenticated.contains(step),
        _ => false,
    }
}

fn operation(messages: &[u8]) -> Option<Operation> {
    let contain = |text: &str| messages.windows(text.len()).any(|part| part == text.as_bytes());
    STATEMENTS.into_iter().find(|(text, _)| contain(text)).map(|(_, operation)| operation)
}

fn read_message(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut message_type = vec![0];
    from.read_exact(&mut message_type)?;
    read_body(from, message_type)
}

/// Reads a message's length, which includes the length field itself, and its body. Appends both to
/// `message`.
fn read_body(from: &mut impl Read, mut message: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    message.extend(length);
    let rest = u64::from(u32::from_be_bytes(length)).saturating_sub(4);
    let read = from.take(rest).read_to_end(&mut message)?;
    if read as u64 == rest { Ok(message) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
