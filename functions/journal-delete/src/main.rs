//! The function `journal-delete`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run(journal_delete::handle)
}
