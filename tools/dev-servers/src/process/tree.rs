//! A process and its descendants.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Error, Result};

/// Signals one process. A process that is gone needs no signal.
pub(super) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _gone = kill_process(pid, signal);
    }
}

/// Signals a process and its descendants. Postgres puts each of its processes into a group of its own, so that a signal to the
/// group would reach the first one only. Except when it is to go on, the first one is stopped before its children are counted,
/// so that it makes no further ones.
pub(super) fn signal_all(pid: u32, signal_to_send: Signal) {
    if signal_to_send != Signal::CONT {
        signal(pid, Signal::STOP);
    }
    let parents = parents();
    let mut family = vec![pid];
    let mut index = 0;
    while let Some(&parent) = family.get(index) {
        family.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
        index += 1;
    }
    for member in family.into_iter().rev() {
        signal(member, signal_to_send);
    }
}

/// Notes the process that serves out of this folder.
///
/// # Errors
/// The folder cannot be written.
pub(super) fn write_pid_file(dir: &Path, pid: u32) -> Result<()> {
    let path = dir.join("pid");
    fs::write(&path, format!("{pid}\n")).map_err(Error::path("write", &path))
}

/// Removes the note.
pub(super) fn remove_pid_file(dir: &Path) {
    // A note that stays names a process that is gone, which the next start sees.
    let _absent = fs::remove_file(dir.join("pid"));
}

/// Ends the server that a former process of ours left behind in this folder, where the system has no parent-death signal.
/// The folder's name in its arguments tells that the process id has not gone to somebody else since.
pub(super) fn stop_leftover(dir: &Path, stop: Signal, bound: Duration) {
    let Some(pid) = fs::read_to_string(dir.join("pid")).ok().and_then(|text| text.trim().parse::<u32>().ok()) else {
        return;
    };
    if !serves(pid, dir) {
        return;
    }
    signal_all(pid, Signal::CONT);
    signal(pid, stop);
    let end = Instant::now() + bound;
    while serves(pid, dir) && Instant::now() < end {
        thread::sleep(Duration::from_millis(10));
    }
    if serves(pid, dir) {
        signal_all(pid, Signal::KILL);
    }
    remove_pid_file(dir);
}

/// A process that has ended but was not waited for has no arguments any more.
fn serves(pid: u32, dir: &Path) -> bool {
    arguments(pid).is_some_and(|arguments| arguments.contains(&*dir.to_string_lossy()))
}

fn arguments(pid: u32) -> Option<String> {
    match fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).replace('\0', " ")),
        Err(_) => ps(&["-o", "args=", "-p", &pid.to_string()]),
    }
}

/// Every process with its parent, from `/proc` where there is one: a slim container has no `ps`.
fn parents() -> Vec<(u32, u32)> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return ps(&["-A", "-o", "pid=,ppid="]).unwrap_or_default().lines().filter_map(parse_pair).collect();
    };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?))).collect()
}

/// The parent in a line of `/proc/<pid>/stat`: after the name in parentheses, which may hold anything, and the state.
fn parse_stat(line: &str) -> Option<u32> {
    let (_, rest) = line.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
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
    use super::*;

    #[test]
    fn the_parent_is_found_behind_a_name_with_parentheses() {
        assert_eq!(parse_stat("4242 (a) b (c)) S 17 4242 4242 0 -1"), Some(17));
        assert_eq!(parse_stat("nonsense"), None);
    }

    #[test]
    fn this_process_has_a_parent_in_both_lists() {
        let own = std::process::id();
        assert!(parents().iter().any(|(pid, _)| *pid == own));
        let listed = ps(&["-A", "-o", "pid=,ppid="]).unwrap();
        assert!(listed.lines().filter_map(parse_pair).any(|(pid, _)| pid == own));
    }
}
