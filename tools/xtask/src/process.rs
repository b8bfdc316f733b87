//! Runs commands in such a way that they and their descendants end with this process.

use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::time::sleep;

/// The longest wait for more output after a command has ended.
const LAST_OUTPUT: Duration = Duration::from_secs(1);

/// Runs a command to its end, on the terminal of this process.
///
/// # Errors
/// The command cannot be run.
pub(crate) async fn complete(command: &mut Command) -> Result<ExitStatus> {
    Group::spawn(command)?.wait().await
}

/// Runs a command to its end. Copies its output to stdout, and calls `on_line` for each line.
///
/// # Errors
/// The command cannot be run.
pub(crate) async fn complete_with_lines(command: &mut Command, mut on_line: impl FnMut(&str)) -> Result<ExitStatus> {
    // Both streams share one pipe, so that their lines stay in order.
    let (reader, writer) = std::io::pipe().context("cannot create a pipe")?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut group = Group::spawn(command)?;
    // `command` still has writing ends of the pipe. Replacing them closes them.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut reader = BufReader::new(Receiver::from_owned_fd(reader.into())?);
    let mut line = Vec::new();
    let mut status = None;
    loop {
        // `read_until` may be cancelled, because the bytes that it has read stay in `line`.
        let read = tokio::select! {
            read = reader.read_until(b'\n', &mut line) => read?,
            ended = group.child.wait(), if status.is_none() => {
                status = Some(ended.context("cannot wait for a command")?);
                continue;
            }
            // A process that outlives the command may keep the pipe open.
            () = sleep(LAST_OUTPUT), if status.is_some() => 0,
        };
        if read == 0 && line.is_empty() {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        print!("{text}");
        on_line(text.trim_end_matches('\n'));
        line.clear();
    }
    match status {
        Some(status) => Ok(status),
        None => group.wait().await,
    }
}

/// Returns the exit code of a command, or 1 if a signal ended it.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// A child process and its descendants, in a process group of their own. Dropping the group before
/// the child ends, as a request to stop does, terminates all of them.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) child: Child,
}

impl Group {
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        let name = command.as_std().get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).process_group(0).kill_on_drop(true).spawn();
        Ok(Self { child: child.with_context(|| format!("cannot run {name}"))? })
    }

    pub(crate) async fn wait(mut self) -> Result<ExitStatus> {
        self.child.wait().await.context("cannot wait for a command")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A child that has been waited for has no id here. Its former id may belong to another
        // process.
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _gone = kill_process_group(pid, Signal::TERM);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn a_dropped_command_ends_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let script = format!("sleep 60 & echo $! > {}; wait", file.display());
        let group = Group::spawn(Command::new("sh").args(["-c", &script])).unwrap();
        let pid = loop {
            match std::fs::read_to_string(&file).ok().and_then(|text| text.trim().parse::<i32>().ok()) {
                Some(pid) => break Pid::from_raw(pid).unwrap(),
                None => sleep(Duration::from_millis(10)).await,
            }
        };
        drop(group);
        let end = Instant::now() + Duration::from_secs(10);
        while rustix::process::test_kill_process(pid).is_ok() && !is_zombie(pid) {
            assert!(Instant::now() < end, "the grandchild is still running");
            sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn the_lines_of_both_streams_arrive_in_order_and_with_the_exit_status() {
        let mut command = Command::new("sh");
        // The process in the background keeps the pipe open.
        command.args(["-c", "echo one; echo two >&2; sleep 3 & printf three; exit 7"]);
        let mut lines = Vec::new();
        let status = complete_with_lines(&mut command, |line| lines.push(line.to_owned())).await.unwrap();
        assert_eq!((lines.join(" ").as_str(), status.code()), ("one two three", Some(7)));
    }

    fn is_zombie(pid: Pid) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
    }
}
