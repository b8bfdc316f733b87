//! Between an environment and Redis: what concerns the replayed record waits until the schedule lets it pass.

use std::collections::VecDeque;
use std::fmt;
use std::io::{BufReader, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::board::{Board, Held, Kind, Sent};
use crate::resp::{self, Words};

/// As long as what a write is announced with, unlike a generation that is withdrawn by a script like the one that clears markers.
const NONCE: usize = 32;

/// The two keys that are replayed.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub(crate) guard: String,
    pub(crate) record: String,
}

impl Names {
    /// What a command is for, if it concerns these keys.
    fn kind(&self, words: &[Vec<u8>]) -> Option<Kind> {
        let [guard, record] = [&self.guard, &self.record].map(String::as_bytes);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        match words.as_slice() {
            [b"SET", key, ..] if *key == guard => Some(Kind::Observe),
            [b"GET", key] if *key == record => Some(Kind::Get),
            [b"SET", key, ..] if *key == record => Some(Kind::Fill),
            [b"EVAL", _, _, key, _nonce, _lifetime] if *key == guard => Some(Kind::Begin),
            [b"EVAL", _, _, key, b""] if *key == guard => Some(Kind::Invalidate),
            [b"EVAL", _, _, key, nonce] if *key == guard && nonce.len() == NONCE => Some(Kind::End),
            _ => None,
        }
    }
}

/// A command that has not arrived, or not yet been answered.
pub(crate) struct Command {
    line: Arc<Line>,
    /// Which of the connection's replies is awaited; none if nobody waits for it.
    place: Option<usize>,
    pub(crate) words: Words,
}

impl Command {
    /// Sends something to Redis in its place, and returns the reply.
    pub(crate) fn ask(&self, words: &[Vec<u8>]) -> Vec<u8> {
        self.line.ask(words)
    }

    /// Answers the client.
    pub(crate) fn answer(&self, reply: Vec<u8>) {
        if let Some(place) = self.place {
            self.line.answer(place, reply);
        }
    }

    /// Whether the client's reply has to wait for one before it: a connection gives them in the order of the commands.
    pub(crate) fn is_kept_waiting(&self) -> bool {
        self.place.is_some_and(|place| self.line.replies().passed < place)
    }

    /// The connection breaks on the client's side. What is on its way may still arrive.
    pub(crate) fn break_line(&self) {
        let _ = self.line.client.shutdown(Shutdown::Both);
    }

    pub(crate) fn is_of_line_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.line, &other.line)
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command").finish_non_exhaustive()
    }
}

/// One connection of a client. Redis is asked one thing at a time, at the moment when it is let pass.
struct Line {
    client: TcpStream,
    server: Mutex<BufReader<TcpStream>>,
    replies: Mutex<Replies>,
}

#[derive(Default)]
struct Replies {
    /// How many the client has.
    passed: usize,
    next: VecDeque<Option<Vec<u8>>>,
}

impl Line {
    fn ask(&self, words: &[Vec<u8>]) -> Vec<u8> {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        server.get_mut().write_all(&resp::command(words)).expect("a Redis that takes commands");
        resp::read_reply(&mut *server).expect("a Redis that answers")
    }

    fn reserve(&self) -> usize {
        let mut replies = self.replies();
        replies.next.push_back(None);
        replies.passed + replies.next.len() - 1
    }

    fn answer(&self, place: usize, reply: Vec<u8>) {
        let mut replies = self.replies();
        let index = place.checked_sub(replies.passed);
        if let Some(next) = index.and_then(|index| replies.next.get_mut(index)) {
            *next = Some(reply);
        }
        while let Some(reply) = replies.next.front_mut().and_then(Option::take) {
            replies.next.pop_front();
            replies.passed += 1;
            // The client may be no more.
            let _ = (&self.client).write_all(&reply);
        }
    }

    fn replies(&self) -> MutexGuard<'_, Replies> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves one connection until the client closes it.
pub(crate) fn serve(environment: usize, client: TcpStream, server: TcpStream, names: &Names, board: &Board) {
    let mut requests = BufReader::new(client.try_clone().expect("a second handle"));
    let server = Mutex::new(BufReader::new(server));
    let line = Arc::new(Line { client, server, replies: Mutex::default() });
    while let Ok(Some(words)) = resp::read_command(&mut requests) {
        let place = line.reserve();
        let Some(kind) = names.kind(&words) else {
            line.answer(place, line.ask(&words));
            continue;
        };
        let place = if kind == Kind::Fill {
            // Nobody waits for it, and nobody may wait behind it.
            line.answer(place, b"+OK\r\n".to_vec());
            None
        } else {
            Some(place)
        };
        let command = Command { line: Arc::clone(&line), place, words };
        board.hold(Held { environment, kind, sent: Sent::Command(command) });
    }
}
