//! The gate in front of Redis. The commands on the replayed record wait until the schedule delivers
//! them.

use std::collections::VecDeque;
use std::io::{BufReader, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Operation;
use super::resp::{self, Words};

/// The length of a write's nonce, in bytes. The script that drops an abandoned generation has the
/// same form as the script that clears a marker, but an argument of another length.
const NONCE: usize = 32;

/// Serves one connection until the client closes it, and passes the commands on the replayed record
/// to `hold`.
pub(crate) fn serve(client: TcpStream, server: TcpStream, keys: &Keys, hold: impl Fn(Operation, Command)) {
    let mut requests = BufReader::new(client.try_clone().expect("the socket can be cloned"));
    let server = Mutex::new(BufReader::new(server));
    let connection = Arc::new(Connection { client, server, replies: Mutex::default() });
    while let Ok(Some(words)) = resp::read_command(&mut requests) {
        let position = connection.reserve();
        let Some(operation) = keys.operation(&words) else {
            connection.reply(position, connection.execute(&words));
            continue;
        };
        let position = if operation == Operation::Fill {
            // No client waits for a fill, so no later reply may wait for its reply.
            connection.reply(position, b"+OK\r\n".to_vec());
            None
        } else {
            Some(position)
        };
        hold(operation, Command { connection: Arc::clone(&connection), position, words });
    }
}

/// The two keys of the replayed record.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) guard: String,
    pub(crate) record: String,
}

impl Keys {
    /// Returns the operation of a command, if it uses one of these keys.
    fn operation(&self, words: &[Vec<u8>]) -> Option<Operation> {
        let [guard, record] = [&self.guard, &self.record].map(String::as_bytes);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        match words.as_slice() {
            [b"SET", key, ..] if *key == guard => Some(Operation::Observe),
            [b"GET", key] if *key == record => Some(Operation::Get),
            [b"SET", key, ..] if *key == record => Some(Operation::Fill),
            [b"EVAL", _, _, key, _nonce, _lifetime] if *key == guard => Some(Operation::Begin),
            [b"EVAL", _, _, key, b""] if *key == guard => Some(Operation::Invalidate),
            [b"EVAL", _, _, key, nonce] if *key == guard && nonce.len() == NONCE => Some(Operation::End),
            _ => None,
        }
    }
}

/// A command that has not arrived at Redis, or that has no reply yet.
pub(crate) struct Command {
    connection: Arc<Connection>,
    /// The position of its reply on the connection, or `None` if no client waits for it.
    position: Option<usize>,
    pub(crate) words: Words,
}

impl Command {
    /// Executes a command in place of this one, and returns the reply of Redis.
    pub(crate) fn execute(&self, words: &[Vec<u8>]) -> Vec<u8> {
        self.connection.execute(words)
    }

    /// Replies to the client.
    pub(crate) fn reply(&self, reply: Vec<u8>) {
        if let Some(position) = self.position {
            self.connection.reply(position, reply);
        }
    }

    /// Returns whether the reply has to wait for an earlier one. A connection returns replies in
    /// the order of the commands.
    pub(crate) fn is_blocked(&self) -> bool {
        self.position.is_some_and(|position| self.connection.replies().sent < position)
    }

    /// Closes the connection to the client. Commands in transit may still arrive at Redis.
    pub(crate) fn break_connection(&self) {
        let _ = self.connection.client.shutdown(Shutdown::Both);
    }

    pub(crate) fn shares_connection_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.connection, &other.connection)
    }
}

/// A connection of a client. Redis executes one command at a time, when the schedule delivers it.
struct Connection {
    client: TcpStream,
    server: Mutex<BufReader<TcpStream>>,
    replies: Mutex<Replies>,
}

#[derive(Default)]
struct Replies {
    /// The number of replies that the client has received.
    sent: usize,
    next: VecDeque<Option<Vec<u8>>>,
}

impl Connection {
    fn execute(&self, words: &[Vec<u8>]) -> Vec<u8> {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        server.get_mut().write_all(&resp::encode_command(words)).expect("Redis accepts the command");
        resp::read_reply(&mut *server).expect("Redis replies")
    }

    fn reserve(&self) -> usize {
        let mut replies = self.replies();
        replies.next.push_back(None);
        replies.sent + replies.next.len() - 1
    }

    fn reply(&self, position: usize, reply: Vec<u8>) {
        let mut replies = self.replies();
        let index = position.checked_sub(replies.sent);
        if let Some(next) = index.and_then(|index| replies.next.get_mut(index)) {
            *next = Some(reply);
        }
        while let Some(reply) = replies.next.front_mut().and_then(Option::take) {
            replies.next.pop_front();
            replies.sent += 1;
            // The client may have closed the connection.
            let _ = (&self.client).write_all(&reply);
        }
    }

    fn replies(&self) -> MutexGuard<'_, Replies> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
