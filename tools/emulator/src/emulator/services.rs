//! The services that run on the emulator's own thread.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::dynamodb::DynamoDb;
use crate::gateway::Gateway;
use crate::log_delivery::{self, LogDelivery, LogSender};
use crate::pool::Pool;
use crate::queue::{self, Queues};
use crate::schedule;
use crate::template::Function;

/// How long a graceful shutdown waits for the delivery of log lines.
const DELIVERY_GRACE: Duration = Duration::from_secs(2);

/// Everything that runs on the emulator's own thread.
pub(super) struct Services {
    pub(super) gateway: Gateway,
    pub(super) listener: TcpListener,
    pub(super) log_delivery: LogDelivery,
    pub(super) log_sender: LogSender,
    pub(super) dynamodb: Option<DynamoDb>,
    pub(super) functions: Vec<(Function, Arc<Pool>)>,
    pub(super) queues: Arc<Queues>,
}

/// The ways in which the emulator shuts down.
#[derive(Clone, Copy)]
pub(super) enum Shutdown {
    /// Delivers pending log lines and waits for running invocations, for a limited time.
    Graceful,
    Immediate,
}

impl Services {
    /// Runs the services on this thread until `shutdown` resolves. Sends the handle of the event
    /// loop, or the error that prevents the start, to `started`.
    pub(super) fn run(self, started: oneshot::Sender<io::Result<Handle>>, shutdown: oneshot::Receiver<Shutdown>) {
        match Builder::new_current_thread().enable_all().build() {
            Err(source) => drop(started.send(Err(source))),
            // The kernel kills a program when the thread that started it ends. This thread lives
            // until the shutdown.
            Ok(runtime) => runtime.block_on(self.run_until_shutdown(started, shutdown)),
        }
    }

    async fn run_until_shutdown(
        self,
        started: oneshot::Sender<io::Result<Handle>>,
        shutdown: oneshot::Receiver<Shutdown>,
    ) {
        let mut tasks = JoinSet::new();
        match tokio::net::TcpListener::from_std(self.listener) {
            Err(source) => return drop(started.send(Err(source))),
            Ok(listener) => drop(tasks.spawn(Arc::new(self.gateway).serve(listener))),
        }
        tasks.spawn(self.log_delivery.run());
        self.dynamodb.into_iter().for_each(|dynamodb| drop(tasks.spawn(dynamodb.serve())));
        for (function, pool) in &self.functions {
            for source in &function.queues {
                tasks.spawn(queue::poll(source.clone(), Arc::clone(pool), Arc::clone(&self.queues)));
            }
            for schedule in &function.schedules {
                tasks.spawn(schedule::run(schedule.clone(), Arc::clone(pool), Arc::clone(&self.queues)));
            }
        }
        if started.send(Ok(Handle::current())).is_err() {
            return;
        }
        let shutdown = shutdown.await.unwrap_or(Shutdown::Immediate);
        if let Shutdown::Graceful = shutdown {
            let _ = timeout(DELIVERY_GRACE, log_delivery::flush(&self.log_sender)).await;
        }
        stop_pools(&self.functions, shutdown).await;
    }
}

async fn stop_pools(functions: &[(Function, Arc<Pool>)], shutdown: Shutdown) {
    let mut tasks = JoinSet::new();
    for (_, pool) in functions {
        let pool = Arc::clone(pool);
        match shutdown {
            Shutdown::Graceful => drop(tasks.spawn(async move { pool.stop().await })),
            Shutdown::Immediate => drop(tasks.spawn(async move { pool.kill().await })),
        }
    }
    tasks.join_all().await;
}
