//! The function `account-delete`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run(account_delete::handle)
}
