//! The function `journal-get`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run(journal_get::handle)
}
