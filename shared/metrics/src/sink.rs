//! The output of metrics: one JSON object per line of standard output.

use std::io::Write as _;

use serde::Serialize;

/// Prints a document in one write, so that lines of concurrent requests do not mix. A full or
/// closed pipe is ignored.
pub fn emit(document: &impl Serialize) {
    if let Ok(mut line) = serde_json::to_vec(document) {
        line.push(b'\n');
        let _ = std::io::stdout().lock().write_all(&line);
    }
}
