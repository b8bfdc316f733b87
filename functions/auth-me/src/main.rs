//! The function `auth-me`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run(auth_me::handle)
}
