//! Writes the functions' output to a file, and a short form of it to the terminal.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use emulator::{LogLine, LogSink, Stream};

use crate::metric_line::MetricLine;

/// Returns a sink that writes every line to the file. The terminal shows a short line for each
/// request and all other lines, except for Lambda's own `START`, `END` and `REPORT` lines.
///
/// # Errors
/// The file cannot be created.
pub(crate) fn sink(path: &Path) -> Result<LogSink> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let file = Mutex::new(file);
    Ok(Arc::new(move |line: &LogLine| {
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk must not stop the server.
        let _lost = writeln!(file, "{:16} {} {}", line.function, line.environment, line.text);
        if let Some(text) = format(line) {
            println!("{:16} {text}", line.function);
        }
    }))
}

/// Returns the text for the terminal, or `None` if the line is not shown.
fn format(line: &LogLine) -> Option<String> {
    match line.stream {
        Stream::Platform if ["START ", "END ", "REPORT "].iter().any(|known| line.text.starts_with(known)) => None,
        Stream::Stdout => {
            Some(MetricLine::parse(&line.text).map_or_else(|| line.text.clone(), |metrics| summary(&metrics)))
        }
        _ => Some(line.text.clone()),
    }
}

fn summary(metrics: &MetricLine) -> String {
    let cache = metrics.cache.as_deref().map(|outcome| format!("  cache {outcome}")).unwrap_or_default();
    let cold = if metrics.cold_start == 0 { "" } else { "  cold start" };
    format!("{}  {}  {:.1} ms{cache}{cold}", metrics.status, metrics.endpoint, metrics.latency)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric_line::EXAMPLE;

    fn format(stream: Stream, text: &str) -> Option<String> {
        super::format(&LogLine {
            function: "health".to_owned(),
            environment: "1".to_owned(),
            stream,
            text: text.to_owned(),
        })
    }

    #[test]
    fn a_request_is_one_short_line() {
        let line = format(Stream::Stdout, EXAMPLE);
        assert_eq!(line.as_deref(), Some("200  GET /x  1.3 ms  cache hit  cold start"));
        assert_eq!(format(Stream::Platform, "REPORT RequestId: 1"), None);
    }

    #[test]
    fn every_other_line_is_shown_unchanged() {
        for (stream, text) in
            [(Stream::Stdout, "{\"level\":\"WARN\"}"), (Stream::Stderr, "panicked"), (Stream::Platform, "timed out")]
        {
            assert_eq!(format(stream, text).as_deref(), Some(text));
        }
    }
}
