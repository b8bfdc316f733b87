//! Where metrics leave the process: one JSON object alone on a line of standard output.

use std::io::Write as _;

use serde::Serialize;

/// Prints a document in one write, so that lines of concurrent requests do not mix. A full or closed pipe is no reason to fail.
pub fn emit(document: &impl Serialize) {
    if let Ok(mut line) = serde_json::to_vec(document) {
        line.push(b'\n');
        let _ = std::io::stdout().lock().write_all(&line);
    }
}
