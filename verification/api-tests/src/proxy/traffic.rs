//! The traffic that the functions have sent to a server.

/// The traffic to the server since the last call of
/// [`Proxy::take_traffic`](crate::Proxy::take_traffic).
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    /// The number of connections that were opened.
    pub connections: u64,
    /// The number of round trips. A round trip is a sequence of bytes from the client, followed by
    /// bytes from the server.
    pub round_trips: u64,
    /// The messages. Redis commands include their key, for example `SET some:key`. Postgres
    /// messages are named by their type, for example `Sync`. `Parse` is followed by the name of the
    /// statement, if it has one, and `Query` by its text.
    pub messages: Vec<String>,
}

impl Traffic {
    /// Returns the number of messages that begin with this word.
    pub fn count(&self, word: &str) -> usize {
        self.messages.iter().filter(|message| message.split(' ').next() == Some(word)).count()
    }

    /// Returns the number of statements that Postgres has executed. A `Sync` ends each statement of
    /// the extended protocol, and a `Query` is a statement of the simple protocol.
    pub fn queries(&self) -> usize {
        self.count("Sync") + self.count("Query")
    }

    /// Returns the number of `Parse` messages with the name of a statement. A transaction pooler
    /// would lose such a statement.
    pub fn named_statements(&self) -> usize {
        self.messages.iter().filter(|message| message.starts_with("Parse ")).count()
    }
}
