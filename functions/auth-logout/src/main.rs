//! The function `auth-logout`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run(auth_logout::handle)
}
