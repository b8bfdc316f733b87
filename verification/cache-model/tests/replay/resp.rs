//! As much of Redis' protocol as it takes to tell one command, and one reply, from the next.

use std::io::{self, BufRead, Read as _};

/// The words of a command.
pub(crate) type Words = Vec<Vec<u8>>;

/// The next command of a client, or nothing if it has hung up.
pub(crate) fn read_command(from: &mut impl BufRead) -> io::Result<Option<Words>> {
    let Some(line) = read_line(from)? else { return Ok(None) };
    let count = number(&line)?;
    let words = (0..count).map(|_| {
        let head = read_line(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut word = vec![0; usize::try_from(number(&head)?).unwrap_or_default() + 2];
        from.read_exact(&mut word)?;
        word.truncate(word.len() - 2);
        Ok(word)
    });
    words.collect::<io::Result<_>>().map(Some)
}

/// A command as a client sends it.
pub(crate) fn command(words: &[Vec<u8>]) -> Vec<u8> {
    let head = format!("*{}\r\n", words.len()).into_bytes();
    [head].into_iter().chain(words.iter().map(|word| bulk(word))).flatten().collect()
}

/// A string of bytes.
pub(crate) fn bulk(bytes: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// What a [`bulk`] holds; nothing if it is something else.
pub(crate) fn held_by(bulk: &[u8]) -> Option<&[u8]> {
    let end = bulk.windows(2).position(|pair| pair == b"\r\n")?;
    (bulk.first() == Some(&b'$')).then(|| bulk.get(end + 2..bulk.len() - 2)).flatten()
}

/// The next reply of the server, as it came.
pub(crate) fn read_reply(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut reply = read_line(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    match (reply.first(), number(&reply).unwrap_or_default()) {
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

/// The number after the first byte of a line.
fn number(line: &[u8]) -> io::Result<i64> {
    let text = line.get(1..).and_then(|text| std::str::from_utf8(text).ok());
    text.and_then(|text| text.trim_end().parse().ok()).ok_or(io::ErrorKind::InvalidData.into())
}
