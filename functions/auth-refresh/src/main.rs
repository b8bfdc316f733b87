//! The function `auth-refresh`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run(auth_refresh::handle)
}
