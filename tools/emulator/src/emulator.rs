//! The emulator as a whole: its HTTP API, its pools and the thread that runs them.

mod options;
mod services;

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

pub use self::options::Options;
use self::services::{Services, Shutdown};
use crate::dynamodb::DynamoDb;
use crate::environment::{EnvironmentInfo, Settings};
use crate::error::{Error, Result};
use crate::gateway::Gateway;
use crate::invocation::InvocationError;
use crate::log_delivery::{self, LogDelivery, LogSender};
use crate::pool::Pool;
use crate::queue::{Queue, Queues};
use crate::template::{Function, Template, Variable};

/// The functions of a template, running on this machine.
///
/// The emulator runs on its own thread with its own event loop, so any async runtime can use it,
/// and it may outlive that runtime. Dropping it ends all environments. [`Emulator::shutdown`] lets
/// running invocations finish first.
pub struct Emulator {
    address: SocketAddr,
    template: Template,
    pools: Vec<Arc<Pool>>,
    queues: Arc<Queues>,
    log_sender: LogSender,
    dynamodb_url: Option<String>,
    handle: Handle,
    shutdown: Option<oneshot::Sender<Shutdown>>,
    thread: Option<JoinHandle<()>>,
}

impl Emulator {
    /// Starts the HTTP API, the queues and the schedules. Environments start on demand.
    ///
    /// # Errors
    ///
    /// Returns an error if the address cannot be bound or the tables cannot be opened. Also returns
    /// an error if the value of a variable is known only after deployment and the options do not
    /// provide it.
    pub async fn start(mut options: Options) -> Result<Self> {
        let (log_sender, log_messages) = mpsc::unbounded_channel();
        options.logs = log_delivery::forwarding_sink(&options.template, log_sender.clone(), options.logs);
        let dynamodb = DynamoDb::open(&options.template.tables, options.tables.as_deref())?;
        let dynamodb_url = dynamodb.as_ref().map(|dynamodb| dynamodb.url().to_owned());
        let functions = &options.template.functions;
        let pools = functions.iter().map(|function| create_pool(function, &options, dynamodb_url.as_deref()));
        let pools = pools.collect::<Result<Vec<_>>>()?;
        let queues = options.template.queues.iter().map(|queue| (queue.name.clone(), Arc::new(Queue::new(queue))));
        let queues = Arc::new(queues.collect::<Queues>());
        let failed = |source| Error::Listen { address: options.listen, source };
        let listener = TcpListener::bind(options.listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let services = Services {
            gateway: Gateway::new(&options.template, &pools, options.throttle, address.port()),
            listener,
            log_delivery: LogDelivery::new(log_messages, &options.template, &pools, &queues, options.log_period),
            log_sender: log_sender.clone(),
            dynamodb,
            functions: functions.iter().cloned().zip(pools.iter().cloned()).collect(),
            queues: Arc::clone(&queues),
        };
        let (shutdown, shutdown_receiver) = oneshot::channel();
        let (started, handle) = oneshot::channel();
        let thread = thread::Builder::new().name("emulator".to_owned());
        let thread = thread.spawn(move || services.run(started, shutdown_receiver)).map_err(failed)?;
        let handle = handle.await.map_err(|_| failed(ErrorKind::BrokenPipe.into()))?.map_err(failed)?;
        Ok(Self {
            address,
            template: options.template,
            pools,
            queues,
            log_sender,
            dynamodb_url,
            handle,
            shutdown: Some(shutdown),
            thread: Some(thread),
        })
    }

    /// Returns the address of the HTTP API.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL of the HTTP API, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Invokes a function as Lambda's Invoke API does. `function` is its short name, its logical id
    /// or its `FunctionName`.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such function, if it is throttled, if the event is too
    /// large, or if the function fails.
    pub async fn invoke(&self, function: &str, payload: impl Into<Bytes>) -> Result<Bytes, InvocationError> {
        let pool = self.pool(function).ok_or_else(|| InvocationError::UnknownFunction(function.to_owned()))?;
        let payload = payload.into();
        let invocation = self.handle.spawn(async move { pool.invoke(payload, None).await });
        invocation.await.unwrap_or(Err(InvocationError::Stopped))
    }

    /// Returns the environments that have not exited. They are in the order of the template's
    /// functions and, within a function, of their start.
    #[must_use]
    pub fn environments(&self) -> Vec<EnvironmentInfo> {
        let environments = self.pools.iter().flat_map(|pool| pool.environments());
        environments.filter(|environment| !environment.has_exited()).map(|environment| environment.info()).collect()
    }

    /// Waits until all environments are idle. Idle environments are frozen unless
    /// [`Options::freeze`] is `false`.
    pub async fn idle(&self) {
        let pools = self.pools.clone();
        let idle = self.handle.spawn(async move {
            for pool in &pools {
                pool.idle().await;
            }
        });
        // This fails only after the emulator has ended, when no environment is running.
        let _ = idle.await;
    }

    /// Waits until all environments are idle and subscribed functions have handled all printed
    /// lines. The lines are delivered immediately instead of at the end of [`Options::log_period`].
    /// The wait includes the retries of failed deliveries.
    pub async fn delivered(&self) {
        self.idle().await;
        log_delivery::flush(&self.log_sender).await;
    }

    /// Returns the bodies of the visible messages in a queue of the template. `name` is the queue's
    /// logical id. If there is no such queue, the list is empty.
    #[must_use]
    pub fn messages(&self, name: &str) -> Vec<String> {
        self.queues.get(name).map(|queue| queue.bodies()).unwrap_or_default()
    }

    /// Sends a message to a queue of the template. `name` is the queue's logical id. If there is no
    /// such queue, the call has no effect.
    pub fn send(&self, name: &str, body: &str) {
        self.queues.get(name).into_iter().for_each(|queue| queue.send(body.to_owned()));
    }

    /// Returns the endpoint URL of `DynamoDB`, or `None` if the template has no table.
    #[must_use]
    pub fn dynamodb_url(&self) -> Option<&str> {
        self.dynamodb_url.as_deref()
    }

    /// Replaces a function's running programs with its current binary. Idle environments end
    /// immediately. Busy environments end when they have handled their events.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such function.
    pub async fn replace(&self, function: &str) -> Result<()> {
        let pool = self.pool(function).ok_or_else(|| Error::UnknownFunction(function.to_owned()))?;
        let _ = self.handle.spawn(async move { pool.replace().await }).await;
        Ok(())
    }

    /// Delivers pending log lines, lets running invocations finish, and ends all environments. The
    /// delivery and the invocations have up to two seconds each. New requests are rejected while
    /// the invocations finish.
    pub async fn shutdown(mut self) {
        let requested = self.shutdown.take().map(|shutdown| shutdown.send(Shutdown::Graceful));
        if requested.is_some() {
            let (ended, wait) = oneshot::channel::<()>();
            let thread = self.thread.take();
            // Joining blocks, so a separate thread does it.
            thread::spawn(move || {
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
        if let Some(shutdown) = self.shutdown.take() {
            let _ = shutdown.send(Shutdown::Immediate);
        }
        // If the thread panicked, its programs have ended with it.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Emulator").field("address", &self.address).finish_non_exhaustive()
    }
}

fn create_pool(function: &Function, options: &Options, dynamodb_url: Option<&str>) -> Result<Arc<Pool>> {
    let variables = resolve_variables(function, options, dynamodb_url)?;
    let binaries =
        path::absolute(&options.binaries).map_err(|source| Error::Read { path: options.binaries.clone(), source })?;
    let concurrency = variables.get("AWS_LAMBDA_MAX_CONCURRENCY").and_then(|limit| limit.parse().ok());
    let settings = Settings {
        binary: binaries.join(&function.binary),
        function: function.clone(),
        variables,
        concurrency: concurrency.filter(|limit| *limit > 0).unwrap_or(1),
        freeze: options.freeze,
        sink: Arc::clone(&options.logs),
    };
    let limit = function.reserved_concurrency.unwrap_or(options.max_environments);
    Ok(Arc::new(Pool::new(settings, limit, options.reuse_wait)))
}

/// Returns the variables that the template declares, and the endpoint of `DynamoDB`. Values from
/// the options take precedence over values from the template.
fn resolve_variables(
    function: &Function,
    options: &Options,
    dynamodb_url: Option<&str>,
) -> Result<BTreeMap<String, String>> {
    // Every AWS SDK reads this variable.
    let endpoint = dynamodb_url.map(|url| ("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), url.to_owned()));
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
                let rule =
                    format!("{expression} has no value before the stack is deployed; provide a value for {name}");
                return Err(Error::template(&function.logical_id, property, rule));
            }
        };
        variables.insert(name.clone(), value);
    }
    Ok(variables)
}
