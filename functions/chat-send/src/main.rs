//! The function `chat-send`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::run_with_resources(chat_send::handle)
}
