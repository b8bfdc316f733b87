//! The function `journal-insights`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run(journal_insights::handle)
}
