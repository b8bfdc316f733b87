//! One connection to Redis, with deadlines: what the driver's own reconnection would let wait for seconds fails here in
//! milliseconds.

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

/// How long a new connection may take, TLS included.
const CONNECT_BUDGET: Duration = Duration::from_millis(150);
/// How long a connection that has been silent for long gets to prove itself before a fresh one takes over.
const STALE_BUDGET: Duration = Duration::from_millis(10);
/// Unacknowledged data tells a dead peer after this long.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(1);

/// Why there is no answer from Redis. Holds nothing that was sent or stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// The breaker is open; nothing was sent, or what was sent has just opened it.
    #[error("the cache is left alone after failures")]
    CircuitOpen {
        /// Whether it was this exchange that opened the breaker.
        opened: bool,
    },
    /// No answer within the budget, or the connection broke.
    #[error("the cache did not answer")]
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
    /// The driver refused the parsed URL, which then never connects.
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

    /// Connects if there is no connection yet.
    pub(super) async fn connect(&self) -> Result<(), Unreachable> {
        match timeout(CONNECT_BUDGET, self.connection()).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Unreachable::Failed),
        }
    }

    /// Sends commands, each of one key, in one round trip: a pipeline to a node, side by side to a cluster. An error of the server
    /// stands in its command's place as [`Value::ServerError`].
    ///
    /// The commands are made anew for each attempt: what was sent on a connection that seemed dead may still arrive, long after its
    /// repetition was answered, and must then mean nothing to anybody.
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

    /// The same whether or not the breaker is open, and within the budget as a whole, connecting included.
    pub(super) async fn send_regardless(
        &self,
        commands: impl FnMut() -> Pipeline + Send,
        budget: Duration,
    ) -> Result<Vec<Value>, Unreachable> {
        let outcome = timeout(budget, self.attempt(commands, budget)).await;
        self.conclude(outcome.unwrap_or(Err(Failure { grave: false }))).await
    }

    /// Sends commands on the connection that there is, if there is one. Nothing follows from a failure: the environment may have been
    /// frozen in the middle, which tells nothing about Redis.
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
                // What answers late would answer somebody else's question on a slow connection: begin anew.
                // Whoever holds the lock is making a fresh one.
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
        // Time spent on connecting is on top: a handshake that is cut off each time would never come to an end.
        let deadline = if fresh { Instant::now() + budget } else { deadline };
        let patience = if !fresh && self.last_reply.is_stale() { STALE_BUDGET.min(budget) } else { budget };
        match timeout(patience, connection.send(&commands())).await {
            Ok(Ok(values)) => return accepted(values),
            Ok(Err(())) if !fresh => {}
            Err(_) if !fresh && patience < budget => {}
            Ok(Err(())) | Err(_) => return Err(Failure { grave: false }),
        }
        // The connection died while nobody looked, so try once more on a fresh one.
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

    /// The connection and whether it was made just now. Whoever comes while it is being made waits for the same one.
    async fn connection(&self) -> RedisResult<(Connection, bool)> {
        let mut held = self.connection.lock().await;
        if let Some(connection) = held.as_ref() {
            return Ok((connection.clone(), false));
        }
        // Boxed, as it is large and rare: whoever holds this future would move it with each exchange.
        let connection = Box::pin(self.target.connect()).await?;
        self.last_reply.touch();
        Ok((held.insert(connection).clone(), true))
    }
}

/// Why an attempt came to nothing. It is grave when not even a connection came about.
struct Failure {
    grave: bool,
}

/// The replies, unless the node is one that must be left: a primary that has been demoted, or one that is loading or has forgotten who we are,
/// keeps its connections open and would refuse every command for as long as we stay.
fn accepted(values: Vec<Value>) -> Result<Vec<Value>, Failure> {
    let unfit = ["READONLY", "MASTERDOWN", "LOADING", "NOAUTH"];
    let refused = |value: &Value| matches!(value, Value::ServerError(error) if unfit.contains(&error.code()));
    if values.iter().any(refused) { Err(Failure { grave: false }) } else { Ok(values) }
}

impl Target {
    fn new(url: &Url) -> RedisResult<Self> {
        // `false` means that the process has chosen its provider already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        if url.cluster {
            let cluster = ClusterClientBuilder::new(url.nodes.clone());
            let cluster = match url.passwords.clone() {
                Some(passwords) => cluster.set_credentials_provider(passwords),
                None => cluster,
            };
            let cluster = cluster
                .retries(0)
                // First the seeds are asked, then the nodes that they name: one of either may be unreachable.
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
            Self::Nowhere => Err((redis::ErrorKind::InvalidClientConfig, "no node").into()),
        }
    }
}

impl Connection {
    async fn send(&mut self, commands: &Pipeline) -> Result<Vec<Value>, ()> {
        match self {
            Self::Node(connection) => connection.req_packed_commands(commands, 0, commands.len()).await.map_err(drop),
            // A cluster refuses a pipeline over several slots, so the commands travel side by side.
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
    // Naming the library would cost the first command a round trip.
    let settings = node.redis_settings().clone().set_skip_set_lib_name();
    node.set_tcp_settings(tcp_settings()).set_redis_settings(settings)
}

fn tcp_settings() -> TcpSettings {
    TcpSettings::default().set_nodelay(true).set_user_timeout(TCP_USER_TIMEOUT)
}
