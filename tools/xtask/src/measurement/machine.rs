//! Describes and configures the machine that a measurement runs on.

use std::fs;
use std::thread;

#[cfg(target_os = "linux")]
use rustix::thread::CpuSet;

/// Describes the processor, the number of its threads that this process may use, and the kernel.
pub(crate) fn describe() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or(std::env::consts::ARCH, |(_, name)| name);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let system = rustix::system::uname();
    let (name, release) = (system.sysname().to_string_lossy(), system.release().to_string_lossy());
    format!("{model}, {threads} threads, {name} {release}")
}

/// Pins this thread, and the threads and processes that it starts from now on, to one processor.
/// Returns the processor's number, or `None` if the system does not support pinning.
///
/// One request at a time never needs two processors. The system may spread the client, the function
/// and the servers over several processors. Waking an idle processor then costs as much as a cache
/// hit. For seconds at a time, it is random whether a hit takes 90 µs or 200 µs.
#[cfg(target_os = "linux")]
pub(crate) fn pin_to_one_processor() -> Option<usize> {
    let allowed = rustix::thread::sched_getaffinity(None).ok()?;
    // The last processor is used, because the first one serves most of the interrupts.
    let last = (0..CpuSet::MAX_CPU).rev().find(|&number| allowed.is_set(number))?;
    let mut one = CpuSet::new();
    one.set(last);
    rustix::thread::sched_setaffinity(None, &one).ok()?;
    Some(last)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn pin_to_one_processor() -> Option<usize> {
    None
}

/// Returns the load average of the last minute, or NaN on a system other than Linux.
pub(crate) fn load_average() -> f64 {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().and_then(|minute| minute.parse().ok()).unwrap_or(f64::NAN)
}
