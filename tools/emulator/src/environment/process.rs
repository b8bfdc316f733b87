//! The program of a function, in a process group of its own.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};

/// Makes the kernel kill the program when the thread that started it is gone, however it went.
const SETPRIV: &str = "/usr/bin/setpriv";

/// A running program. Dropping it kills it, with everything it started.
pub(crate) struct Process {
    group: Pid,
    frozen: bool,
    exited: bool,
}

impl Process {
    /// Starts `binary` with `variables` and nothing else in its environment.
    ///
    /// The calling thread must live as long as the program: the kernel ties the one to the other.
    pub(crate) fn spawn(
        binary: &Path,
        variables: &BTreeMap<String, String>,
        stdout: Stdio,
        stderr: Stdio,
    ) -> io::Result<(Self, Child)> {
        let mut command = Command::from(command(binary, variables, true));
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn()?;
        let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let group = pid.ok_or_else(|| io::Error::other("the program ended before it had a process id"))?;
        Ok((Self { group, frozen: false, exited: false }, child))
    }

    pub(crate) fn id(&self) -> u32 {
        self.group.as_raw_nonzero().get().unsigned_abs()
    }

    pub(crate) fn frozen(&self) -> bool {
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

    /// Asks the program to end; a frozen one is thawed so that it can.
    pub(crate) fn terminate(&mut self) {
        self.signal(Signal::TERM);
        self.thaw();
    }

    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
    }

    /// The program has ended. What it started and left behind is killed.
    pub(crate) fn ended(&mut self) {
        self.signal(Signal::KILL);
        self.exited = true;
    }

    pub(crate) fn exited(&self) -> bool {
        self.exited
    }

    /// The most memory that the program has held so far, in bytes; 0 where the operating system does not say.
    pub(crate) fn peak_memory(&self) -> u64 {
        peak_memory(self.id())
    }

    fn signal(&self, signal: Signal) {
        if !self.exited {
            // It fails when the group is gone already, which is what a signal to end is for.
            let _ = rustix::process::kill_process_group(self.group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A command for `binary` in a process group of its own, in the binary's folder. When `guarded` and where the system has
/// `setpriv`, the program cannot outlive the thread that starts it.
pub(crate) fn command(binary: &Path, variables: &BTreeMap<String, String>, guarded: bool) -> std::process::Command {
    use std::os::unix::process::CommandExt as _;
    let mut command = if guarded && Path::new(SETPRIV).exists() {
        let mut command = std::process::Command::new(SETPRIV);
        command.args(["--pdeathsig", "KILL", "--"]).arg(binary);
        command
    } else {
        std::process::Command::new(binary)
    };
    command.env_clear().envs(variables).process_group(0);
    if let Some(folder) = binary.parent() {
        command.current_dir(folder);
    }
    command
}

/// The peak resident memory of a process in bytes (`VmHWM`); 0 where the system does not say, as on macOS.
pub(crate) fn peak_memory(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}
