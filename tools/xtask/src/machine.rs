//! The machine: for the record, and held still.

use std::fs;
use std::thread;

#[cfg(target_os = "linux")]
use rustix::thread::CpuSet;

/// Processor, number of its threads that are ours, and kernel.
pub(crate) fn describe() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or(std::env::consts::ARCH, |(_, name)| name);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let system = rustix::system::uname();
    let (name, release) = (system.sysname().to_string_lossy(), system.release().to_string_lossy());
    format!("{model}, {threads} threads, {name} {release}")
}

/// Keeps this thread, and what it starts from now on, on one processor; returns which one, or none where the system cannot.
///
/// One request at a time never needs two. Left alone, the system spreads client, function and server over several, and waking an
/// idle processor costs as much as a cache hit: whether a hit takes 90 µs or 200 µs is then chance, for seconds on end.
#[cfg(target_os = "linux")]
pub(crate) fn settle() -> Option<usize> {
    let allowed = rustix::thread::sched_getaffinity(None).ok()?;
    // Interrupts are served by the first, most often.
    let last = (0..CpuSet::MAX_CPU).rev().find(|&number| allowed.is_set(number))?;
    let mut one = CpuSet::new();
    one.set(last);
    rustix::thread::sched_setaffinity(None, &one).ok()?;
    Some(last)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn settle() -> Option<usize> {
    None
}

/// The average load of the last minute; NaN where the system does not say in Linux's way.
pub(crate) fn load() -> f64 {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().and_then(|minute| minute.parse().ok()).unwrap_or(f64::NAN)
}
