//! What the functions have sent to a server.

/// What was sent to the server since the last
/// [`Proxy::take_traffic`](crate::Proxy::take_traffic).
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    /// The number of connections that were opened.
    pub connections: u64,
    /// The number of round trips. A round trip is a run of bytes from the client that bytes from
    /// the server follow.
    pub round_trips: u64,
    /// The messages. For Redis they are commands with their key, such as `SET some:key`. For
    /// Postgres they are `Sync`, `Query` or `Parse`, the latter with the name of the statement if
    /// it has one.
    pub messages: Vec<String>,
}

impl Traffic {
    /// Returns the number of messages that begin with this word.
    pub fn count(&self, word: &str) -> usize {
        self.messages.iter().filter(|message| message.split(' ').next() == Some(word)).count()
    }

    /// Returns the number of statements that Postgres has run: a `Sync` ends each statement of the
    /// extended protocol, and a `Query` is a statement of the simple protocol.
    pub fn queries(&self) -> usize {
        self.count("Sync") + self.count("Query")
    }

    /// Returns the number of `Parse` messages with the name of a statement, which a transaction
    /// pooler would lose.
    pub fn named_statements(&self) -> usize {
        self.messages.iter().filter(|message| message.starts_with("Parse ")).count()
    }
}
