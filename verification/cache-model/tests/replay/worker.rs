//! Workers: a thread for each actor, with a runtime whose clock only the schedule advances.

use std::pin::Pin;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

/// A thread that runs the work of one actor. Connections that this work opens stay open as long as
/// the worker exists.
pub(crate) struct Worker {
    jobs: Option<UnboundedSender<(Job, mpsc::Sender<()>)>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub(crate) fn start() -> Self {
        let (jobs, queue) = unbounded_channel();
        Self { jobs: Some(jobs), thread: Some(thread::spawn(|| run_jobs(queue))) }
    }

    /// Starts some work and does not wait until it has ended.
    pub(crate) fn run(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.submit(Job::Run(Box::pin(work)));
    }

    /// Advances the clock, which uses up the time budgets of everything that the work awaits.
    pub(crate) fn advance(&self, time: Duration) {
        self.submit(Job::Advance(time));
    }

    /// Aborts the work at its current await.
    pub(crate) fn abort(&self) {
        self.submit(Job::Abort);
    }

    /// Blocks the thread until the guard is dropped.
    pub(crate) fn freeze(&self) -> FreezeGuard {
        let (thaw, thawed) = mpsc::channel();
        self.submit(Job::Freeze(thawed));
        FreezeGuard(thaw)
    }

    fn submit(&self, job: Job) {
        let (accepted, is_accepted) = mpsc::channel();
        let sent = self.jobs.as_ref().map(|jobs| jobs.send((job, accepted)));
        assert!(sent.is_some_and(|sent| sent.is_ok()) && is_accepted.recv().is_ok(), "the thread of a worker has died");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.jobs.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Blocks a worker while it exists. The worker does not process replies that have arrived.
pub(crate) struct FreezeGuard(#[expect(dead_code, reason = "dropping it unblocks the thread")] mpsc::Sender<()>);

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

enum Job {
    Run(Work),
    Advance(Duration),
    Abort,
    Freeze(mpsc::Receiver<()>),
}

fn run_jobs(mut jobs: UnboundedReceiver<(Job, mpsc::Sender<()>)>) {
    PausedRuntime::new().block_on(async {
        let mut tasks = JoinSet::new();
        while let Some((job, accepted)) = jobs.recv().await {
            match job {
                Job::Run(work) => drop(tasks.spawn(work)),
                Job::Advance(time) => tokio::time::advance(time).await,
                Job::Abort => tasks.shutdown().await,
                Job::Freeze(thawed) => {
                    let _ = accepted.send(());
                    let _ = thawed.recv();
                    continue;
                }
            }
            let _ = accepted.send(());
        }
    });
}

/// A runtime whose clock is paused. No time budget expires, even on a busy machine.
pub(crate) struct PausedRuntime {
    /// Declared before the runtime, which waits for its blocking task when it is dropped.
    _blocker: mpsc::Sender<()>,
    runtime: Runtime,
}

impl PausedRuntime {
    pub(crate) fn new() -> Self {
        let runtime =
            Builder::new_current_thread().enable_all().start_paused(true).build().expect("the runtime starts");
        // A paused clock advances automatically when every task waits, even if only for a reply. It
        // does not advance while a blocking task runs.
        let (blocker, blocked) = mpsc::channel::<()>();
        runtime.spawn_blocking(move || blocked.recv());
        Self { _blocker: blocker, runtime }
    }

    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    pub(crate) fn spawn(&self, work: impl Future<Output: Send> + Send + 'static) {
        self.runtime.spawn(work);
    }
}
