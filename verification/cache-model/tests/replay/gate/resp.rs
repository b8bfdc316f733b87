//! The part of the Redis serialization protocol that delimits commands and replies.

use std::io::{self, BufRead, Read as _};

/// The words of a command.
pub(crate) type Words = Vec<Vec<u8>>;

/// Reads the next command of a client, or returns `None` if the client has closed the connection.
pub(crate) fn read_command(from: &mut impl BufRead) -> io::Result<Option<Words>> {
    let Some(line) = read_line(from)? else { return Ok(None) };
    let count = parse_number(&line)?;
    let words = (0..count).map(|_| {
        let head = read_line(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut word = vec![0; usize::try_from(parse_number(&head)?).unwrap_or_default() + 2];
        from.read_exact(&mut word)?;
        word.truncate(word.len() - 2);
        Ok(word)
    });
    words.collect::<io::Result<_>>().map(Some)
}

/// Encodes a command as a client sends it.
pub(crate) fn encode_command(words: &[Vec<u8>]) -> Vec<u8> {
    let head = format!("*{}\r\n", words.len()).into_bytes();
    [head].into_iter().chain(words.iter().map(|word| encode_bulk(word))).flatten().collect()
}

/// Encodes a bulk string.
pub(crate) fn encode_bulk(bytes: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// Returns the contents of a bulk string, or `None` if the reply is something else.
pub(crate) fn parse_bulk(bulk: &[u8]) -> Option<&[u8]> {
    let end = bulk.windows(2).position(|pair| pair == b"\r\n")?;
    (bulk.first() == Some(&b'$')).then(|| bulk.get(end + 2..bulk.len() - 2)).flatten()
}

/// Reads the next reply of the server, without decoding it.
pub(crate) fn read_reply(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut reply = read_line(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    match (reply.first(), parse_number(&reply).unwrap_or_default()) {
        (Some(b'$'), length @ 0..) => {
            from.take(length.unsigned_abs() + 2).read_to_end(&mut reply)?;
        }
        (Some(b'*'), count) => {
            for _ in 0..count {
                reply.extend(read_reply(from)?);
            }
        }
        _ => {}
    }
    Ok(reply)
}

fn read_line(from: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    Ok((!line.is_empty()).then_some(line))
}

/// Parses the number after the first byte of a line.
fn parse_number(line: &[u8]) -> io::Result<i64> {
    let text = line.get(1..).and_then(|text| std::str::from_utf8(text).ok());
    text.and_then(|text| text.trim_end().parse().ok()).ok_or(io::ErrorKind::InvalidData.into())
}
