//! The function `profile-update`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run(profile_update::handle)
}
