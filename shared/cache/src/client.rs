//! A connection to Redis with deadlines of milliseconds. The driver's own reconnection would make a
//! command wait for seconds.

use std::time::{Duration, Instant};

use net::staleness::LastReply;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, ConnectionInfo, Pipeline, RedisResult, Value};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::breaker::Breaker;
use super::passwords::Passwords;
use super::url::Url;

/// The deadline of a new connection, including TLS.
const CONNECT_BUDGET: Duration = Duration::from_millis(150);
/// The time in which a connection that has been idle must reply, before a new connection replaces
/// it.
const STALE_BUDGET: Duration = Duration::from_millis(10);
/// The time after which the kernel closes a connection whose peer does not acknowledge data.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(1);

/// The reason why Redis did not execute a command. Contains no data that were sent or stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// The circuit breaker is open.
    #[error("the circuit breaker of the cache is open after failures")]
    CircuitOpen {
        /// `true` if the commands were attempted, and their failure opened the breaker or left it
        /// open. `false` if the breaker was open and nothing was sent.
        opened: bool,
    },
    /// Redis did not reply before the deadline, the connection broke, or the reply is an error.
    #[error("the cache did not reply in time, or replied with an error")]
    Failed,
}

pub(super) struct Client {
    target: Target,
    connection: Mutex<Option<Connection>>,
    breaker: Breaker,
    last_reply: LastReply,
}

enum Target {
    Node(Box<redis::Client>, Option<Passwords>),
    Cluster(Box<ClusterClient>),
    /// The driver rejected the URL, so every attempt to connect fails.
    Nowhere,
}

#[derive(Clone)]
enum Connection {
    Node(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Client {
    pub(super) fn new(url: &Url) -> Self {
        Self {
            target: Target::new(url).unwrap_or(Target::Nowhere),
            connection: Mutex::new(None),
            breaker: Breaker::default(),
            last_reply: LastReply::default(),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.breaker.is_open(Instant::now())
    }

    /// Connects, if there is no connection yet.
    pub(super) async fn connect(&self) -> Result<(), Unreachable> {
        match timeout(CONNECT_BUDGET, self.connection()).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Unreachable::Failed),
        }
    }

    /// Sends commands, each with one key, in one round trip: as a pipeline to a node, concurrently
    /// to a cluster. The reply of a command that failed on the server is [`Value::ServerError`].
    ///
    /// Builds the commands again for each attempt. The first copy, on a connection that seemed
    /// dead, may arrive long after Redis has replied to the second, and must then have no effect.
    pub(super) async fn exchange(
        &self,
        commands: impl FnMut() -> Pipeline + Send,
        budget: Duration,
    ) -> Result<Vec<Value>, Unreachable> {
        if !self.breaker.allows(Instant::now()) {
            return Err(Unreachable::CircuitOpen { opened: false });
        }
        let outcome = self.attempt(commands, budget).await;
        self.conclude(outcome).await
    }

    /// Like [`exchange`](Self::exchange), but ignores whether the breaker is open. The budget
    /// includes the time to connect.
    pub(super) async fn send_regardless(
        &self,
        commands: impl FnMut() -> Pipeline + Send,
        budget: Duration,
    ) -> Result<Vec<Value>, Unreachable> {
        let outcome = timeout(budget, self.attempt(commands, budget)).await;
        self.conclude(outcome.unwrap_or(Err(Failure { grave: false }))).await
    }

    /// Sends commands if there is a connection, and ignores the outcome. A failure says nothing
    /// about Redis, because the process may have been frozen in the meantime.
    pub(super) async fn send_detached(&self, commands: &Pipeline, budget: Duration) {
        let _ = timeout(budget, async {
            let connection = self.connection.lock().await.clone();
            if let Some(mut connection) = connection {
                let _ = connection.send(commands).await;
            }
        })
        .await;
    }

    async fn conclude(&self, outcome: Result<Vec<Value>, Failure>) -> Result<Vec<Value>, Unreachable> {
        match outcome {
            Ok(values) => {
                self.breaker.succeeded();
                self.last_reply.touch();
                Ok(values)
            }
            Err(failure) => {
                // A new connection follows, so that a late reply cannot delay other commands or be
                // mistaken for theirs. If the lock is taken, another task is already connecting.
                if let Ok(mut held) = self.connection.try_lock() {
                    *held = None;
                }
                match self.breaker.failed(Instant::now(), failure.grave) {
                    true => Err(Unreachable::CircuitOpen { opened: true }),
                    false => Err(Unreachable::Failed),
                }
            }
        }
    }

    async fn attempt(
        &self,
        mut commands: impl FnMut() -> Pipeline + Send,
        budget: Duration,
    ) -> Result<Vec<Value>, Failure> {
        let deadline = Instant::now() + budget;
        let (mut connection, fresh) = self.connection_within_budget().await?;
        // The budget does not include the time to connect. Otherwise a slow handshake would be cut
        // off every time.
        let deadline = if fresh { Instant::now() + budget } else { deadline };
        let patience = if !fresh && self.last_reply.is_stale() { STALE_BUDGET.min(budget) } else { budget };
        match timeout(patience, connection.send(&commands())).await {
            Ok(Ok(values)) => return accepted(values),
            Ok(Err(())) if !fresh => {}
            Err(_) if !fresh && patience < budget => {}
            Ok(Err(())) | Err(_) => return Err(Failure { grave: false }),
        }
        // The connection died while it was idle. Try once more on a new one.
        *self.connection.lock().await = None;
        let (mut connection, _) = self.connection_within_budget().await?;
        let left = deadline.saturating_duration_since(Instant::now()).max(STALE_BUDGET);
        match timeout(left, connection.send(&commands())).await {
            Ok(Ok(values)) => accepted(values),
            _ => Err(Failure { grave: false }),
        }
    }

    async fn connection_within_budget(&self) -> Result<(Connection, bool), Failure> {
        match timeout(CONNECT_BUDGET, self.connection()).await {
            Ok(Ok(connection)) => Ok(connection),
            _ => Err(Failure { grave: true }),
        }
    }

    /// Returns the connection, and whether it is new. Concurrent callers wait for the same new
    /// connection.
    async fn connection(&self) -> RedisResult<(Connection, bool)> {
        let mut held = self.connection.lock().await;
        if let Some(connection) = held.as_ref() {
            return Ok((connection.clone(), false));
        }
        // Boxed, because it is large and rare. Otherwise each exchange would move it.
        let connection = Box::pin(self.target.connect()).await?;
        self.last_reply.touch();
        Ok((held.insert(connection).clone(), true))
    }
}

/// The failure of an attempt. It is grave if there was not even a connection.
struct Failure {
    grave: bool,
}

/// Returns the replies, or a failure if the client must leave the node.
///
/// A node retains its connections when it is demoted, when it loads its data, and when it no longer
/// accepts their authentication. It would reject every further command on them.
fn accepted(values: Vec<Value>) -> Result<Vec<Value>, Failure> {
    let unfit = ["READONLY", "MASTERDOWN", "LOADING", "NOAUTH"];
    let refused = |value: &Value| matches!(value, Value::ServerError(error) if unfit.contains(&error.code()));
    if values.iter().any(refused) { Err(Failure { grave: false }) } else { Ok(values) }
}

impl Target {
    fn new(url: &Url) -> RedisResult<Self> {
        // An error means that the process has already installed a provider, which also works.
        let _ = rustls::crypto::ring::default_provider().install_default();
        if url.cluster {
            let cluster = ClusterClientBuilder::new(url.nodes.clone());
            let cluster = match url.passwords.clone() {
                Some(passwords) => cluster.set_credentials_provider(passwords),
                None => cluster,
            };
            let cluster = cluster
                .retries(0)
                // The driver connects to the seeds, and then to the nodes that they name. A third
                // of the budget for each attempt allows for an unreachable one.
                .connection_timeout(CONNECT_BUDGET / 3)
                .response_timeout(CONNECT_BUDGET)
                .tcp_settings(tcp_settings())
                .build()?;
            return Ok(Self::Cluster(Box::new(cluster)));
        }
        match url.nodes.first() {
            Some(node) => {
                let client = redis::Client::open(tuned(node.clone()))?;
                Ok(Self::Node(Box::new(client), url.passwords.clone()))
            }
            None => Ok(Self::Nowhere),
        }
    }

    async fn connect(&self) -> RedisResult<Connection> {
        match self {
            Self::Node(client, passwords) => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(CONNECT_BUDGET))
                    .set_response_timeout(None);
                let config = match passwords.clone() {
                    Some(passwords) => config.set_credentials_provider(passwords),
                    None => config,
                };
                client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::Node)
            }
            Self::Cluster(client) => client.get_async_connection().await.map(Connection::Cluster),
            Self::Nowhere => Err((redis::ErrorKind::InvalidClientConfig, "the URL names no node").into()),
        }
    }
}

impl Connection {
    async fn send(&mut self, commands: &Pipeline) -> Result<Vec<Value>, ()> {
        match self {
            Self::Node(connection) => connection.req_packed_commands(commands, 0, commands.len()).await.map_err(drop),
            // A cluster rejects a pipeline over several slots, so the commands are sent
            // concurrently.
            Self::Cluster(connection) => {
                let replies = commands.cmd_iter().map(|command| {
                    let mut connection = connection.clone();
                    async move {
                        match connection.req_packed_command(command).await {
                            Ok(value) => Ok(value),
                            Err(error) => error.try_into().map(Value::ServerError).map_err(drop),
                        }
                    }
                });
                futures_util::future::try_join_all(replies).await
            }
        }
    }
}

fn tuned(node: ConnectionInfo) -> ConnectionInfo {
    // Without `CLIENT SETINFO`, which would cost the first command a round trip.
    let settings = node.redis_settings().clone().set_skip_set_lib_name();
    node.set_tcp_settings(tcp_settings()).set_redis_settings(settings)
}

fn tcp_settings() -> TcpSettings {
    TcpSettings::default().set_nodelay(true).set_user_timeout(TCP_USER_TIMEOUT)
}
