//! Busy loops that keep processors occupied.

use std::hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// Threads that only consume processor time. Dropping this value stops them.
#[derive(Debug)]
pub(crate) struct BusyLoops {
    stopped: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl BusyLoops {
    pub(crate) fn start(count: u16) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let spawn = |_| {
            let stopped = Arc::clone(&stopped);
            thread::spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    hint::spin_loop();
                }
            })
        };
        let threads = (0..count).map(spawn).collect();
        Self { stopped, threads }
    }
}

impl Drop for BusyLoops {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _panicked = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_loops_run_until_they_are_dropped() {
        let busy_loops = BusyLoops::start(2);
        assert!(busy_loops.threads.iter().all(|thread| !thread.is_finished()));
        let stopped = Arc::clone(&busy_loops.stopped);
        drop(busy_loops);
        assert_eq!(Arc::strong_count(&stopped), 1, "both threads have ended");
    }
}
