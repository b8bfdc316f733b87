//! The process of a function, in a process group of its own.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, io};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;

/// The command that makes the kernel kill the program when the thread that started it ends.
const SETPRIV: &str = "/usr/bin/setpriv";

/// A running program. Dropping it kills the program's process group.
pub(crate) struct Process {
    group: Pid,
    frozen: bool,
    exited: bool,
}

impl Process {
    /// Starts `binary` with `variables` as its only environment variables.
    ///
    /// The calling thread must live as long as the program, because the kernel kills the program
    /// when the thread ends.
    pub(crate) fn spawn(
        binary: &Path,
        variables: &BTreeMap<String, String>,
        stdout: Stdio,
        stderr: Stdio,
    ) -> io::Result<(Self, Child)> {
        let mut command = tokio::process::Command::from(command(binary, variables, true));
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn()?;
        let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let group = pid.ok_or_else(|| io::Error::other("the program exited before its process id was read"))?;
        Ok((Self { group, frozen: false, exited: false }, child))
    }

    pub(crate) fn id(&self) -> u32 {
        self.group.as_raw_nonzero().get().unsigned_abs()
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen
    }

    pub(crate) fn freeze(&mut self) {
        if !self.frozen {
            self.signal(Signal::STOP);
            self.frozen = true;
        }
    }

    pub(crate) fn thaw(&mut self) {
        if self.frozen {
            self.signal(Signal::CONT);
            self.frozen = false;
        }
    }

    /// Sends SIGTERM. Thaws a frozen program so that it can handle the signal.
    pub(crate) fn terminate(&mut self) {
        self.signal(Signal::TERM);
        self.thaw();
    }

    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
    }

    /// Records that the program has exited, and kills the processes that it left behind.
    pub(crate) fn mark_exited(&mut self) {
        self.signal(Signal::KILL);
        self.exited = true;
    }

    pub(crate) fn has_exited(&self) -> bool {
        self.exited
    }

    /// Returns the peak resident memory of the program in bytes, or 0 if the system does not report
    /// it.
    pub(crate) fn peak_memory(&self) -> u64 {
        peak_memory(self.id())
    }

    fn signal(&self, signal: Signal) {
        if !self.exited {
            // This fails if the group has already ended.
            let _ = kill_process_group(self.group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Creates a command that runs `binary` in its own process group and in the binary's directory.
/// With `kill_with_parent`, and if the system has `setpriv`, the program cannot outlive the thread
/// that starts it.
pub(crate) fn command(binary: &Path, variables: &BTreeMap<String, String>, kill_with_parent: bool) -> Command {
    let mut command = if kill_with_parent && Path::new(SETPRIV).exists() {
        let mut command = Command::new(SETPRIV);
        command.args(["--pdeathsig", "KILL", "--"]).arg(binary);
        command
    } else {
        Command::new(binary)
    };
    command.env_clear().envs(variables).process_group(0);
    if let Some(folder) = binary.parent() {
        command.current_dir(folder);
    }
    command
}

/// Returns the peak resident memory of a process (`VmHWM`) in bytes, or 0 if the system does not
/// report it, as on macOS.
pub(crate) fn peak_memory(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}
