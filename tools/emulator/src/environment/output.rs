//! Splits the standard output and standard error of a function into log lines.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

use tokio::net::unix::pipe::Receiver;

use crate::log::{Log, Stream};

/// The maximum length of a log line: 256 KiB, the limit of a CloudWatch log event. Lambda splits
/// lines at the same length.
const MAX_LINE_BYTES: usize = 256 * 1024;

/// A pipe that carries one output stream of a function.
pub(crate) struct Output {
    pipe: Receiver,
    stream: Stream,
    log: Log,
    partial_line: Mutex<Vec<u8>>,
}

impl Output {
    /// Opens a pipe. Returns it with the write end for the program.
    pub(crate) fn open(stream: Stream, log: Log) -> io::Result<(Self, Stdio)> {
        let (reader, writer) = io::pipe()?;
        let pipe = Receiver::from_owned_fd(OwnedFd::from(reader))?;
        Ok((Self { pipe, stream, log, partial_line: Mutex::default() }, Stdio::from(writer)))
    }

    /// Logs lines until the pipe is closed.
    pub(crate) async fn run(&self) {
        let mut buffer = vec![0; 16 * 1024];
        while self.pipe.readable().await.is_ok() {
            match self.pipe.try_read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => self.accept(buffer.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
        self.finish();
    }

    /// Logs the complete lines that the pipe contains now. A function's output is thus logged
    /// before its caller receives the response. The event loop alone does not guarantee that order.
    pub(crate) fn drain(&self) {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(length @ 1..) = rustix::io::read(&self.pipe, &mut buffer) {
            self.accept(buffer.get(..length).unwrap_or_default());
        }
    }

    fn accept(&self, bytes: &[u8]) {
        let mut partial_line = self.partial_line.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            partial_line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || partial_line.len() >= MAX_LINE_BYTES {
                self.write(&mut partial_line);
            }
        }
    }

    /// Logs a last line that has no line break.
    pub(crate) fn finish(&self) {
        let mut partial_line = self.partial_line.lock().unwrap_or_else(PoisonError::into_inner);
        if !partial_line.is_empty() {
            self.write(&mut partial_line);
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
    async fn draining_logs_every_complete_line_in_the_pipe() {
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
