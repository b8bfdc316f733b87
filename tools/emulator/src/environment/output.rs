//! The standard output and standard error of a function, as log lines.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

use tokio::net::unix::pipe::Receiver;

use crate::log::{Log, Stream};

/// Lambda also cuts a line here, 256 KiB being the limit of a log event.
const LONGEST_LINE: usize = 256 * 1024;

/// One pipe from a function.
pub(crate) struct Output {
    pipe: Receiver,
    stream: Stream,
    log: Log,
    unfinished: Mutex<Vec<u8>>,
}

impl Output {
    /// A pipe, with the end that the program writes to.
    pub(crate) fn open(stream: Stream, log: Log) -> io::Result<(Self, Stdio)> {
        let (reader, writer) = io::pipe()?;
        let pipe = Receiver::from_owned_fd(OwnedFd::from(reader))?;
        Ok((Self { pipe, stream, log, unfinished: Mutex::default() }, Stdio::from(writer)))
    }

    /// Passes lines on until the pipe is closed.
    pub(crate) async fn run(&self) {
        let mut buffer = vec![0; 16 * 1024];
        while self.pipe.readable().await.is_ok() {
            match self.pipe.try_read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => self.feed(buffer.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
        self.finish();
    }

    /// Passes on what stands in the pipe right now. What a function prints before it answers is then in the log before
    /// its caller sees the answer: the event loop alone would not keep that order.
    pub(crate) fn drain(&self) {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(length @ 1..) = rustix::io::read(&self.pipe, &mut buffer) {
            self.feed(buffer.get(..length).unwrap_or_default());
        }
    }

    fn feed(&self, bytes: &[u8]) {
        let mut unfinished = self.unfinished.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            unfinished.extend_from_slice(piece);
            if piece.ends_with(b"\n") || unfinished.len() >= LONGEST_LINE {
                self.write(&mut unfinished);
            }
        }
    }

    /// Passes on a last line that has no end.
    pub(crate) fn finish(&self) {
        let mut unfinished = self.unfinished.lock().unwrap_or_else(PoisonError::into_inner);
        if !unfinished.is_empty() {
            self.write(&mut unfinished);
        }
    }

    fn write(&self, line: &mut Vec<u8>) {
        let text = String::from_utf8_lossy(line);
        self.log.write(self.stream, text.trim_end_matches(['\n', '\r']));
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::log::LogBuffer;

    #[tokio::test]
    async fn what_stands_in_the_pipe_is_passed_on_at_once() {
        let logs = LogBuffer::default();
        let log = Log { sink: logs.sink(), function: "f".to_owned(), environment: "e".to_owned() };
        let (output, end) = Output::open(Stream::Stdout, log).unwrap();
        Command::new("printf").arg("one\ntwo\r\n\nrest").stdout(end).status().unwrap();
        let texts = || logs.lines().into_iter().map(|line| line.text).collect::<Vec<_>>();
        assert_eq!(texts(), [""; 0]);
        output.drain();
        assert_eq!(texts(), ["one", "two", ""]);
        output.finish();
        assert_eq!(texts(), ["one", "two", "", "rest"]);
    }
}
