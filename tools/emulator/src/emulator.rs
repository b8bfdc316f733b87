//! The emulator as a whole: its thread, its front, its pools.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::environment::{EnvironmentInfo, Settings};
use crate::error::{Error, Result};
use crate::gateway::Gateway;
use crate::invocation::InvocationError;
use crate::log::LogSink;
use crate::pool::Pool;
use crate::queue::{self, Queue, Queues};
use crate::schedule;
use crate::subscription::{self, Inlet, Letter, Post};
use crate::tables::Tables;
use crate::template::{Function, Template, Variable};

/// How long the end of the emulator waits for what functions have printed to be delivered.
const DELIVERY_GRACE: Duration = Duration::from_secs(2);

/// How the functions are run.
pub struct Options {
    /// The functions and their routes.
    pub template: Template,
    /// The folder that holds the functions' binaries.
    pub binaries: PathBuf,
    /// Values for environment variables. They reach only functions whose template declares the variable, because on AWS no
    /// other way leads there.
    pub variables: BTreeMap<String, String>,
    /// The same for single functions, by any of their names. They win over [`Options::variables`].
    pub function_variables: BTreeMap<String, BTreeMap<String, String>>,
    /// Where the HTTP API listens; port 0 lets the system choose one.
    pub listen: SocketAddr,
    /// How many environments a function without a reserved concurrency may have.
    pub max_environments: usize,
    /// Whether idle environments are stopped, as on Lambda.
    pub freeze: bool,
    /// Whether the template's throttling limits hold. A bench wants them off.
    pub throttle: bool,
    /// The file that keeps the tables; without one they are in memory.
    pub tables: Option<PathBuf>,
    /// Receives the log lines of all functions.
    pub logs: LogSink,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            template: Template::default(),
            binaries: PathBuf::from("target/debug"),
            variables: BTreeMap::new(),
            function_variables: BTreeMap::new(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            max_environments: 10,
            freeze: true,
            throttle: true,
            tables: None,
            logs: Arc::new(|_| {}),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values of variables may be secrets.
        formatter
            .debug_struct("Options")
            .field("binaries", &self.binaries)
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}

/// The functions of a template, running on this machine.
///
/// It has a thread and an event loop of its own, so it can be used from any runtime and outlive it. Dropping it ends all
/// environments; [`Emulator::shutdown`] lets what is under way finish first.
pub struct Emulator {
    address: SocketAddr,
    template: Template,
    pools: Vec<Arc<Pool>>,
    queues: Arc<Queues>,
    inlet: Inlet,
    tables_url: Option<String>,
    handle: Handle,
    stop: Option<oneshot::Sender<Stop>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy)]
enum Stop {
    Gently,
    AtOnce,
}

impl Emulator {
    /// Starts the HTTP API and the schedules. Environments start when they are needed.
    ///
    /// # Errors
    ///
    /// The address cannot be bound, or a variable that the template leaves to the deployed stack has no value in the
    /// options.
    pub async fn start(mut options: Options) -> Result<Self> {
        let (inlet, letters) = mpsc::unbounded_channel();
        options.logs = subscription::sink(&options.template, inlet.clone(), options.logs);
        let tables = Tables::open(&options.template.tables, options.tables.as_deref())?;
        let tables_url = tables.as_ref().map(|tables| tables.url().to_owned());
        let pools = options.template.functions.iter().map(|function| pool(function, &options, tables_url.as_deref()));
        let pools = pools.collect::<Result<Vec<_>>>()?;
        let queues = options.template.queues.iter().map(|queue| (queue.name.clone(), Arc::new(Queue::new(queue))));
        let queues = Arc::new(queues.collect::<Queues>());
        let post = Post::new(letters, &options.template, &pools, &queues);
        let sources = options.template.functions.iter().zip(&pools).flat_map(|(function, pool)| {
            function.queues.iter().map(|source| queue::feed(source.clone(), Arc::clone(pool), Arc::clone(&queues)))
        });
        let sources: Vec<_> = sources.collect();
        let failed = |source| Error::Listen { address: options.listen, source };
        let listener = TcpListener::bind(options.listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let gateway = Arc::new(Gateway::new(&options.template, &pools, options.throttle, address.port()));
        let schedules = options.template.functions.iter().zip(&pools).flat_map(|(function, pool)| {
            function.schedules.iter().map(|schedule| (schedule.clone(), Arc::clone(pool)))
        });
        let schedules: Vec<_> = schedules.collect();
        let (stop, stopped) = oneshot::channel();
        let (started, handle) = oneshot::channel();
        let (running, watched, last) = (pools.clone(), Arc::clone(&queues), inlet.clone());
        let thread = std::thread::Builder::new().name("emulator".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Err(source) => drop(started.send(Err(source))),
                // The thread that starts a program must live as long as the program: this one does.
                Ok(runtime) => runtime.block_on(async move {
                    let mut tasks = JoinSet::new();
                    match tokio::net::TcpListener::from_std(listener) {
                        Err(source) => return drop(started.send(Err(source))),
                        Ok(listener) => drop(tasks.spawn(gateway.serve(listener))),
                    }
                    tasks.spawn(post.run());
                    tables.into_iter().for_each(|tables| drop(tasks.spawn(tables.serve())));
                    sources.into_iter().for_each(|source| drop(tasks.spawn(source)));
                    for (schedule, pool) in schedules {
                        tasks.spawn(schedule::run(schedule, pool, Arc::clone(&watched)));
                    }
                    if started.send(Ok(Handle::current())).is_err() {
                        return;
                    }
                    let stop = stopped.await.unwrap_or(Stop::AtOnce);
                    if let Stop::Gently = stop {
                        let _ = timeout(DELIVERY_GRACE, deliver(&last)).await;
                    }
                    end(&running, stop).await;
                }),
            }
        });
        let thread = thread.map_err(failed)?;
        let handle = handle.await.map_err(|_| failed(std::io::ErrorKind::BrokenPipe.into()))?.map_err(failed)?;
        let template = options.template;
        Ok(Self { address, template, pools, queues, inlet, tables_url, handle, stop: Some(stop), thread: Some(thread) })
    }

    /// The address of the HTTP API.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the HTTP API, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Runs a function on an event, as Lambda's Invoke API does; `function` is any of its names.
    ///
    /// # Errors
    ///
    /// There is no such function, it is throttled, the event is too large, or the function fails.
    pub async fn invoke(&self, function: &str, payload: impl Into<Bytes>) -> Result<Bytes, InvocationError> {
        let pool = self.pool(function).ok_or_else(|| InvocationError::UnknownFunction(function.to_owned()))?;
        let payload = payload.into();
        let invocation = self.handle.spawn(async move { pool.invoke(payload, None).await });
        invocation.await.unwrap_or(Err(InvocationError::Stopped))
    }

    /// All environments, in the order of the template's functions and of their start.
    #[must_use]
    pub fn environments(&self) -> Vec<EnvironmentInfo> {
        let environments = self.pools.iter().flat_map(|pool| pool.environments());
        environments.filter(|environment| !environment.has_ended()).map(|environment| environment.info()).collect()
    }

    /// Waits until no environment has anything to do. Idle environments are then frozen, if they are frozen at all.
    pub async fn idle(&self) {
        let pools = self.pools.clone();
        let idle = self.handle.spawn(async move {
            for pool in &pools {
                pool.idle().await;
            }
        });
        // It fails only when the emulator has ended, which is idle enough.
        let _ = idle.await;
    }

    /// Waits until no environment has anything to do, and until all that they have printed is delivered to whoever has subscribed to it, and
    /// dealt with. Lines are not collected any longer than until now; a delivery that fails is waited for with its repetitions.
    pub async fn delivered(&self) {
        self.idle().await;
        deliver(&self.inlet).await;
    }

    /// The bodies of the messages in a queue of the template, those left out that a function is working on; `name` is the logical id.
    #[must_use]
    pub fn messages(&self, name: &str) -> Vec<String> {
        self.queues.get(name).map(|queue| queue.bodies()).unwrap_or_default()
    }

    /// Puts a message into a queue of the template, if there is such a queue.
    pub fn send(&self, name: &str, body: &str) {
        self.queues.get(name).into_iter().for_each(|queue| queue.send(body.to_owned()));
    }

    /// Where `DynamoDB` is, if the template has a table.
    #[must_use]
    pub fn dynamodb_url(&self) -> Option<&str> {
        self.tables_url.as_deref()
    }

    /// Puts a new binary in place of a function's running ones: idle environments end, busy ones finish what they do.
    ///
    /// # Errors
    ///
    /// There is no such function.
    pub async fn replace(&self, function: &str) -> Result<()> {
        let pool = self.pool(function).ok_or_else(|| Error::UnknownFunction(function.to_owned()))?;
        let _ = self.handle.spawn(async move { pool.replace().await }).await;
        Ok(())
    }

    /// Takes no more requests, lets what is under way finish for a moment, and ends all environments.
    pub async fn shutdown(mut self) {
        let stopped = self.stop.take().map(|stop| stop.send(Stop::Gently));
        if stopped.is_some() {
            let (ended, wait) = oneshot::channel::<()>();
            let thread = self.thread.take();
            // Joining blocks, so a thread that has nothing else to do does it.
            std::thread::spawn(move || {
                thread.map(JoinHandle::join);
                drop(ended);
            });
            let _ = wait.await;
        }
    }

    fn pool(&self, name: &str) -> Option<Arc<Pool>> {
        let index = self.template.functions.iter().position(|function| function.is_called(name))?;
        self.pools.get(index).cloned()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(Stop::AtOnce);
        }
        // A panic of the thread has nothing to add: its programs die with it.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Emulator").field("address", &self.address).finish_non_exhaustive()
    }
}

async fn deliver(inlet: &Inlet) {
    let (waiting, delivered) = oneshot::channel();
    // Either fails only when the emulator has ended.
    let _ = inlet.send(Letter::Flush(waiting));
    let _ = delivered.await;
}

async fn end(pools: &[Arc<Pool>], stop: Stop) {
    let mut tasks = JoinSet::new();
    for pool in pools {
        let pool = Arc::clone(pool);
        match stop {
            Stop::Gently => drop(tasks.spawn(async move { pool.stop().await })),
            Stop::AtOnce => drop(tasks.spawn(async move { pool.kill().await })),
        }
    }
    tasks.join_all().await;
}

fn pool(function: &Function, options: &Options, tables_url: Option<&str>) -> Result<Arc<Pool>> {
    // What every SDK of AWS reads.
    let endpoint = tables_url.map(|url| ("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), url.to_owned()));
    let mut variables = BTreeMap::from_iter(endpoint);
    let own = options.function_variables.iter().filter(|(name, _)| function.is_called(name)).map(|(_, own)| own);
    let own: Vec<_> = own.collect();
    for (name, declared) in &function.variables {
        let given = own.iter().find_map(|own| own.get(name)).or_else(|| options.variables.get(name));
        let value = match (given, declared) {
            (Some(given), _) => given.clone(),
            (None, Variable::Value(value)) => value.clone(),
            (None, Variable::Unresolved(expression)) => {
                let property = format!("Environment.Variables.{name}");
                let rule = format!("{expression} has no value before the stack is deployed; give {name} one");
                return Err(Error::template(&function.logical_id, property, rule));
            }
        };
        variables.insert(name.clone(), value);
    }
    let binaries = std::path::absolute(&options.binaries)
        .map_err(|source| Error::Read { path: options.binaries.clone(), source })?;
    let concurrency = variables.get("AWS_LAMBDA_MAX_CONCURRENCY").and_then(|limit| limit.parse().ok());
    let settings = Settings {
        binary: binaries.join(&function.binary),
        function: function.clone(),
        variables,
        concurrency: concurrency.filter(|limit| *limit > 0).unwrap_or(1),
        freeze: options.freeze,
        sink: Arc::clone(&options.logs),
    };
    Ok(Arc::new(Pool::new(settings, function.reserved_concurrency.unwrap_or(options.max_environments))))
}
