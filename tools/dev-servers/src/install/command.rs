//! Runs commands and shows their output while they run.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::{Error, Result};

/// Runs a command until it exits, and passes each line that it prints to `progress`.
///
/// # Errors
/// Returns an error if the command cannot be run or fails. The error contains the last lines of its
/// output.
pub(super) fn stream(
    program: &str,
    args: &[&str],
    variables: &[(&str, &str)],
    progress: &mut dyn FnMut(&str),
) -> Result<()> {
    let command_line = format!("{program} {}", args.join(" "));
    let (reader, writer) = io::pipe().map_err(Error::io("cannot create a pipe"))?;
    let errors = writer.try_clone().map_err(Error::io("cannot create a pipe"))?;
    let mut command = Command::new(program);
    command.args(args).envs(variables.iter().copied()).stdin(Stdio::null()).stdout(writer).stderr(errors);
    let mut child = command.spawn().map_err(Error::io(format!("cannot run {program}")))?;
    // The command owns the write ends of the pipe, which would keep the pipe open.
    drop(command);
    let mut last = VecDeque::new();
    for line in BufReader::new(reader).lines().map_while(Result::ok) {
        progress(&line);
        last.push_back(line);
        if last.len() > 10 {
            last.pop_front();
        }
    }
    let status = child.wait().map_err(Error::io(format!("cannot wait for {program}")))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Command { command: command_line, output: last.make_contiguous().join("\n") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_passed_on_and_an_error_contains_the_last_ones() {
        let mut shown = Vec::new();
        let error =
            stream("sh", &["-c", "echo one; echo two >&2; exit 3"], &[], &mut |line| shown.push(line.to_owned()));
        assert_eq!(shown, ["one", "two"]);
        assert!(matches!(error, Err(Error::Command { output, .. }) if output == "one\ntwo"));
    }
}
