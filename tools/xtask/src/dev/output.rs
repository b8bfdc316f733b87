//! What the functions print: all of it in a file, and on the terminal a line for each request.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use emulator::{LogLine, LogSink, Stream};
use serde::Deserialize;

/// A sink that writes to the file and to the terminal.
///
/// # Errors
/// The file cannot be made.
pub(crate) fn sink(path: &Path) -> Result<LogSink> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let file = Mutex::new(file);
    Ok(Arc::new(move |line: &LogLine| {
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk must not end the server.
        let _lost = writeln!(file, "{:16} {} {}", line.function, line.environment, line.text);
        if let Some(text) = shown(line) {
            println!("{:16} {text}", line.function);
        }
    }))
}

/// A metric document, as far as it is shown.
#[derive(Deserialize)]
struct Metrics {
    #[serde(rename = "Endpoint")]
    endpoint: String,
    #[serde(rename = "Latency")]
    latency: f64,
    #[serde(rename = "ColdStart")]
    cold_start: u8,
    status: u16,
    cache: Option<String>,
}

fn shown(line: &LogLine) -> Option<String> {
    match line.stream {
        Stream::Platform if ["START ", "END ", "REPORT "].iter().any(|known| line.text.starts_with(known)) => None,
        Stream::Stdout if line.text.starts_with("{\"_aws\"") => match serde_json::from_str::<Metrics>(&line.text) {
            Ok(metrics) => Some(summary(&metrics)),
            Err(_) => Some(line.text.clone()),
        },
        _ => Some(line.text.clone()),
    }
}

fn summary(metrics: &Metrics) -> String {
    let cache = metrics.cache.as_deref().map(|outcome| format!("  cache {outcome}")).unwrap_or_default();
    let cold = if metrics.cold_start == 0 { "" } else { "  cold start" };
    format!("{}  {}  {:.1} ms{cache}{cold}", metrics.status, metrics.endpoint, metrics.latency)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(stream: Stream, text: &str) -> Option<String> {
        shown(&LogLine { function: "health".to_owned(), environment: "1".to_owned(), stream, text: text.to_owned() })
    }

    #[test]
    fn a_request_is_one_short_line() {
        let metrics =
            r#"{"_aws":{},"Endpoint":"GET /health","Latency":1.26,"ColdStart":1,"status":200,"cache":"miss"}"#;
        let line = show(Stream::Stdout, metrics);
        assert_eq!(line.as_deref(), Some("200  GET /health  1.3 ms  cache miss  cold start"));
        assert_eq!(show(Stream::Platform, "REPORT RequestId: 1"), None);
    }

    #[test]
    fn everything_else_is_shown_as_it_is() {
        for (stream, text) in
            [(Stream::Stdout, "{\"level\":\"WARN\"}"), (Stream::Stderr, "panicked"), (Stream::Platform, "timed out")]
        {
            assert_eq!(show(stream, text).as_deref(), Some(text));
        }
    }
}
