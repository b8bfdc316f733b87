//! Signals to a process and its descendants.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Error, Result};

/// How long to wait for a process to stop after SIGSTOP, which takes effect with a delay.
const SUSPEND_TIMEOUT: Duration = Duration::from_secs(1);
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Sends a signal to one process. Has no effect if the process has ended.
pub(super) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// Sends a signal to a process and its descendants, and returns their ids.
///
/// A signal to the process group would not reach all of them, because each Postgres process has its
/// own group. Unless the signal is SIGCONT, the first process is suspended before its descendants
/// are listed, so that it cannot fork new ones.
pub(super) fn signal_all(pid: u32, signal_to_send: Signal) -> Vec<u32> {
    if signal_to_send != Signal::CONT {
        signal(pid, Signal::STOP);
        wait_until(SUSPEND_TIMEOUT, || !matches!(state(pid), Some('R' | 'S' | 'D' | 'I')));
    }
    let parents = parents();
    let mut family = vec![pid];
    let mut index = 0;
    while let Some(&parent) = family.get(index) {
        family.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
        index += 1;
    }
    for member in family.iter().rev() {
        signal(*member, signal_to_send);
    }
    family
}

/// Waits until all the processes have ended, or until the timeout. Zombies count as ended.
pub(super) fn wait_until_ended(pids: &[u32], timeout: Duration) {
    wait_until(timeout, || pids.iter().all(|pid| matches!(state(*pid), None | Some('Z' | 'X'))));
}

/// Writes the id of the process that serves from this directory to the file `pid`.
///
/// # Errors
/// Returns an error if the file cannot be written.
pub(super) fn write_pid_file(dir: &Path, pid: u32) -> Result<()> {
    let path = dir.join("pid");
    fs::write(&path, format!("{pid}\n")).map_err(Error::path("write", &path))
}

/// Removes the file `pid`.
pub(super) fn remove_pid_file(dir: &Path) {
    // If the removal fails, the next start detects that the process has ended.
    let _ = fs::remove_file(dir.join("pid"));
}

/// Stops a server that an earlier process left running in this directory. This happens only if the
/// system has no parent-death signal. The directory in the server's arguments proves that the
/// system has not reused the process id.
pub(super) fn stop_leftover(dir: &Path, stop_signal: Signal, timeout: Duration) {
    let Some(pid) = fs::read_to_string(dir.join("pid")).ok().and_then(|text| text.trim().parse::<u32>().ok()) else {
        return;
    };
    if !serves(pid, dir) {
        return;
    }
    signal_all(pid, Signal::CONT);
    signal(pid, stop_signal);
    if !wait_until(timeout, || !serves(pid, dir)) {
        wait_until_ended(&signal_all(pid, Signal::KILL), timeout);
    }
    remove_pid_file(dir);
}

/// Waits until the condition holds. Returns `false` at the timeout.
fn wait_until(timeout: Duration, condition: impl Fn() -> bool) -> bool {
    let end = Instant::now() + timeout;
    while !condition() {
        if Instant::now() > end {
            return false;
        }
        thread::sleep(POLL_INTERVAL);
    }
    true
}

/// Reports whether the process serves from this directory. A zombie does not, because it has no
/// arguments.
fn serves(pid: u32, dir: &Path) -> bool {
    arguments(pid).is_some_and(|arguments| arguments.contains(&*dir.to_string_lossy()))
}

fn arguments(pid: u32) -> Option<String> {
    match fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).replace('\0', " ")),
        Err(_) => ps(&["-o", "args=", "-p", &pid.to_string()]),
    }
}

/// Returns the state of a process as a letter, such as `T` for a suspended process. Returns `None`
/// if there is no such process.
fn state(pid: u32) -> Option<char> {
    if has_proc() {
        return parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?).map(|(state, _)| state);
    }
    ps(&["-o", "stat=", "-p", &pid.to_string()])?.trim().chars().next()
}

/// Returns the id and the parent's id of every process. Reads `/proc` if it exists, because a slim
/// container has no `ps`.
fn parents() -> Vec<(u32, u32)> {
    if !has_proc() {
        return ps(&["-A", "-o", "pid=,ppid="]).unwrap_or_default().lines().filter_map(parse_pair).collect();
    }
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?.1))).collect()
}

fn has_proc() -> bool {
    Path::new("/proc/self/stat").exists()
}

/// Parses the state and the parent's id in a line of `/proc/<pid>/stat`. They follow the name in
/// parentheses, which may contain any character.
fn parse_stat(line: &str) -> Option<(char, u32)> {
    let (_, rest) = line.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

fn parse_pair(line: &str) -> Option<(u32, u32)> {
    let (pid, parent) = line.trim().split_once(char::is_whitespace)?;
    Some((pid.parse().ok()?, parent.trim().parse().ok()?))
}

fn ps(args: &[&str]) -> Option<String> {
    let output = Command::new("ps").args(args).output().ok()?;
    String::from_utf8(output.stdout).ok()
}

#[cfg(test)]
mod tests {
    use std::process;

    use super::*;

    #[test]
    fn the_state_and_the_parent_follow_a_name_with_parentheses() {
        assert_eq!(parse_stat("4242 (a) b (c)) S 17 4242 4242 0 -1"), Some(('S', 17)));
        assert_eq!(parse_stat("nonsense"), None);
    }

    #[test]
    fn proc_and_ps_both_list_this_process() {
        let own = process::id();
        assert!(parents().iter().any(|(pid, _)| *pid == own));
        let listed = ps(&["-A", "-o", "pid=,ppid="]).unwrap();
        assert!(listed.lines().filter_map(parse_pair).any(|(pid, _)| pid == own));
    }

    #[test]
    fn a_suspended_process_has_stopped_and_a_killed_one_has_ended() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        assert_eq!(signal_all(child.id(), Signal::STOP), [child.id()]);
        assert_eq!(state(child.id()), Some('T'));
        wait_until_ended(&signal_all(child.id(), Signal::KILL), Duration::from_secs(30));
        assert_eq!(state(child.id()), Some('Z'));
        child.wait().unwrap();
        assert_eq!(state(child.id()), None);
    }
}
