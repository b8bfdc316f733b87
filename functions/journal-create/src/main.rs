//! The function `journal-create`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run(journal_create::handle)
}
