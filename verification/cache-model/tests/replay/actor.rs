//! Whoever reads, writes or finishes the outbox: a runtime with a clock that the schedule alone moves.

use std::pin::Pin;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinSet, spawn_blocking};

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

enum Job {
    Run(Work),
    Advance(Duration),
    Abort,
    Freeze(mpsc::Receiver<()>),
}

/// As long as it is kept, an actor does nothing, not even with what has arrived.
pub(crate) struct Frost(#[expect(dead_code, reason = "dropping it ends the frost")] mpsc::Sender<()>);

/// A thread, and on it what one of them does. The connections that it has opened last as long as the actor.
pub(crate) struct Actor {
    jobs: Option<UnboundedSender<(Job, mpsc::Sender<()>)>>,
    thread: Option<JoinHandle<()>>,
}

impl Actor {
    pub(crate) fn start() -> Self {
        let (jobs, to_do) = unbounded_channel();
        Self { jobs: Some(jobs), thread: Some(thread::spawn(|| live(to_do))) }
    }

    /// Begins something, and does not wait for it.
    pub(crate) fn run(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.order(Job::Run(Box::pin(work)));
    }

    /// Lets time pass, and with it the budget of whatever is awaited.
    pub(crate) fn advance(&self, time: Duration) {
        self.order(Job::Advance(time));
    }

    /// Ends in the middle of what was begun, at its present await.
    pub(crate) fn abort(&self) {
        self.order(Job::Abort);
    }

    /// Is not given the processor for a while.
    pub(crate) fn freeze(&self) -> Frost {
        let (thaw, thawed) = mpsc::channel();
        self.order(Job::Freeze(thawed));
        Frost(thaw)
    }

    fn order(&self, job: Job) {
        let (done, is_done) = mpsc::channel();
        let order = self.jobs.as_ref().map(|jobs| jobs.send((job, done)));
        assert!(order.is_some_and(|order| order.is_ok()) && is_done.recv().is_ok(), "an actor's thread has died");
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        drop(self.jobs.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn live(mut jobs: UnboundedReceiver<(Job, mpsc::Sender<()>)>) {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
    runtime.block_on(async {
        // A paused clock goes on by itself when there is nothing to do but wait, if only for a reply. Not so while something blocks.
        let (blocks, blocked) = mpsc::channel::<()>();
        spawn_blocking(move || blocked.recv());
        let mut tasks = JoinSet::new();
        while let Some((job, done)) = jobs.recv().await {
            match job {
                Job::Run(work) => drop(tasks.spawn(work)),
                Job::Advance(time) => tokio::time::advance(time).await,
                Job::Abort => tasks.shutdown().await,
                Job::Freeze(thawed) => {
                    let _ = done.send(());
                    let _ = thawed.recv();
                    continue;
                }
            }
            let _ = done.send(());
        }
        drop(blocks);
    });
}
