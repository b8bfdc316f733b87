//! The lines that functions print, and those that Lambda prints about them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::sleep;

/// A callback that receives every log line, in order. It is called on the emulator's own thread and
/// must not block.
pub type LogSink = Arc<dyn Fn(&LogLine) + Send + Sync>;

/// One line of a function's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The function's short name.
    pub function: String,
    /// The id of the execution environment, which is the last part of its log stream's name. It is
    /// empty if the line belongs to no environment.
    pub environment: String,
    /// The writer of the line.
    pub stream: Stream,
    /// The line without its line break.
    pub text: String,
}

/// The writer of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Lambda itself: `START`, `END`, `REPORT`, timeouts and crashes.
    Platform,
    /// The function, on its standard output.
    Stdout,
    /// The function, on its standard error.
    Stderr,
}

/// A buffer that stores log lines in memory, for tests and benchmarks. Clones share their lines.
#[derive(Clone, Default)]
pub struct LogBuffer(Arc<Mutex<Vec<LogLine>>>);

impl LogBuffer {
    /// Returns a sink that appends to this buffer.
    #[must_use]
    pub fn sink(&self) -> LogSink {
        let lines = Arc::clone(&self.0);
        Arc::new(move |line| lines.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone()))
    }

    /// Returns all lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<LogLine> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the first line that satisfies `predicate`, including lines from before the call.
    pub async fn find(&self, predicate: impl Fn(&LogLine) -> bool) -> LogLine {
        loop {
            if let Some(line) = self.lines().into_iter().find(&predicate) {
                return line;
            }
            sleep(Duration::from_millis(5)).await;
        }
    }
}

impl fmt::Debug for LogBuffer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("LogBuffer").field(&self.lines().len()).finish()
    }
}

/// The log of one environment.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) sink: LogSink,
    pub(crate) function: String,
    pub(crate) environment: String,
}

impl Log {
    pub(crate) fn write(&self, stream: Stream, text: impl Into<String>) {
        (self.sink)(&LogLine {
            function: self.function.clone(),
            environment: self.environment.clone(),
            stream,
            text: text.into(),
        });
    }

    pub(crate) fn platform(&self, text: impl Into<String>) {
        self.write(Stream::Platform, text);
    }
}

/// The `REPORT` line that Lambda prints at the end of an invocation.
pub(crate) struct Report<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) duration: Duration,
    pub(crate) init: Option<Duration>,
    pub(crate) memory_size: u64,
    pub(crate) peak_memory: u64,
    /// `timeout`, or the error type of a crash.
    pub(crate) failure: Option<&'a str>,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |duration: Duration| duration.as_secs_f64() * 1e3;
        // The initialisation of a custom runtime is billed with the invocation that waits for it.
        let billed = milliseconds(self.duration + self.init.unwrap_or_default()).ceil();
        write!(f, "REPORT RequestId: {}\tDuration: {:.2} ms\t", self.request_id, milliseconds(self.duration))?;
        write!(f, "Billed Duration: {billed:.0} ms\tMemory Size: {} MB\t", self.memory_size)?;
        write!(f, "Max Memory Used: {} MB", self.peak_memory.div_ceil(1024 * 1024))?;
        if let Some(init) = self.init {
            write!(f, "\tInit Duration: {:.2} ms", milliseconds(init))?;
        }
        match self.failure {
            Some("timeout") => write!(f, "\tStatus: timeout"),
            Some(error_type) => write!(f, "\tStatus: error\tError Type: {error_type}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_formatted_as_on_lambda() {
        let mut report = Report {
            request_id: "r",
            duration: Duration::from_micros(1_234),
            init: Some(Duration::from_micros(20_500)),
            memory_size: 256,
            peak_memory: 10 * 1024 * 1024 + 1,
            failure: None,
        };
        assert_eq!(
            report.to_string(),
            "REPORT RequestId: r\tDuration: 1.23 ms\tBilled Duration: 22 ms\tMemory Size: 256 MB\tMax Memory Used: 11 MB\tInit Duration: 20.50 ms"
        );
        report.init = None;
        report.failure = Some("timeout");
        assert!(report.to_string().ends_with("Max Memory Used: 11 MB\tStatus: timeout"));
    }
}
