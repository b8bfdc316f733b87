//! The parts of the two wire protocols that separate and name messages.

/// The protocol of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// RESP as clients send it: arrays of bulk strings.
    Redis,
    /// The Postgres protocol version 3 without TLS.
    Postgres,
}

/// Parses the messages of one connection from fragments of any size.
#[derive(Debug)]
pub(super) struct Parser {
    protocol: Protocol,
    pending: Vec<u8>,
    /// Whether the first message has been parsed. In the Postgres protocol, the first message has
    /// no type.
    started: bool,
}

impl Parser {
    pub(super) fn new(protocol: Protocol) -> Self {
        Self { protocol, pending: Vec::new(), started: false }
    }

    /// Adds bytes, and returns the messages that they complete.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        self.pending.extend_from_slice(bytes);
        let mut messages = Vec::new();
        let mut parsed = 0;
        while let Some((message, length)) = self.message(&self.pending[parsed..]) {
            self.started = true;
            parsed += length;
            messages.push(message);
        }
        self.pending.drain(..parsed);
        messages
    }

    fn message(&self, bytes: &[u8]) -> Option<(String, usize)> {
        match self.protocol {
            Protocol::Redis => redis_command(bytes),
            Protocol::Postgres if self.started => postgres_message(bytes),
            Protocol::Postgres => Some(("Startup".to_owned(), length(bytes, 0)?)),
        }
    }
}

/// Parses a RESP array of bulk strings. Returns the command and its key, if it has one, and the
/// number of parsed bytes.
fn redis_command(bytes: &[u8]) -> Option<(String, usize)> {
    let (count, mut read) = number_line(bytes, b'*')?;
    let mut words = Vec::new();
    for _ in 0..count {
        let (length, head) = number_line(bytes.get(read..)?, b'$')?;
        let from = read + head;
        words.push(bytes.get(from..from + length)?);
        read = from + length + 2;
    }
    if read > bytes.len() {
        return None;
    }
    // In a script command, the key follows the text of the script and the number of keys.
    let name = String::from_utf8_lossy(words.first()?).to_uppercase();
    let key = words.get(if name.starts_with("EVAL") { 3 } else { 1 });
    let key = key.map(|key| format!(" {}", String::from_utf8_lossy(key))).unwrap_or_default();
    Some((name + &key, read))
}

/// Parses a line of a mark and a number. Returns the number and the length of the line: `*3\r\n`
/// gives (3, 4).
fn number_line(bytes: &[u8], mark: u8) -> Option<(usize, usize)> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    assert_eq!(bytes[0], mark, "a Redis client sends arrays of bulk strings");
    let number = std::str::from_utf8(&bytes[1..end]).ok()?.parse().ok()?;
    Some((number, end + 2))
}

/// Parses a message of a Postgres client. Returns its name and the number of parsed bytes.
fn postgres_message(bytes: &[u8]) -> Option<(String, usize)> {
    let length = 1 + length(bytes, 1)?;
    let name = match bytes[0] {
        b'B' => "Bind",
        b'C' => "Close",
        b'D' => "Describe",
        b'E' => "Execute",
        b'H' => "Flush",
        b'P' => "Parse",
        b'Q' => "Query",
        b'S' => "Sync",
        b'X' => "Terminate",
        b'p' => "Password",
        _ => "Other",
    };
    // The name of the statement in a `Parse` message, or the text of a simple query.
    let text = bytes[5..length].split(|byte| *byte == 0).next().filter(|name| !name.is_empty());
    match (bytes[0], text) {
        (b'P' | b'Q', Some(text)) => Some((format!("{name} {}", String::from_utf8_lossy(text)), length)),
        _ => Some((name.to_owned(), length)),
    }
}

/// Returns the length field at offset `at`, or `None` if the message is not complete yet. The
/// length includes the field itself.
fn length(bytes: &[u8], at: usize) -> Option<usize> {
    let length = u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize;
    (bytes.len() >= at + length).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_parsed_from_fragments() {
        let mut parser = Parser::new(Protocol::Redis);
        let bytes = b"*2\r\n$3\r\nget\r\n$1\r\na\r\n*4\r\n$4\r\nEVAL\r\n$2\r\nx\n\r\n$1\r\n1\r\n$1\r\nk\r\n*1\r\n$4\r\nPING\r\n";
        let whole = Parser::new(Protocol::Redis).feed(bytes);
        let fragments: Vec<_> = bytes.chunks(3).flat_map(|fragment| parser.feed(fragment)).collect();
        assert_eq!(whole, ["GET a", "EVAL k", "PING"]);
        assert_eq!(fragments, whole);
    }

    #[test]
    fn named_and_unnamed_statements_are_distinguished() {
        let mut parser = Parser::new(Protocol::Postgres);
        let mut bytes = vec![0, 0, 0, 8, 0, 3, 0, 0];
        bytes.extend(b"P\0\0\0\x0e\0SELECT\0\0\0");
        bytes.extend(b"P\0\0\0\x10s0\0SELECT\0\0\0S\0\0\0\x04Q\0\0\0\x0bSELECT\0");
        let messages: Vec<_> = bytes.chunks(5).flat_map(|fragment| parser.feed(fragment)).collect();
        assert_eq!(messages, ["Startup", "Parse", "Parse s0", "Sync", "Query SELECT"]);
    }
}
