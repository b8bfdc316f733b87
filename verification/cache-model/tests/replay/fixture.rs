//! The servers, the environments in front of them, and a user whose profile is read and written.

use std::sync::{Arc, LazyLock, Mutex, PoisonError, mpsc};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dev_servers::testing;
use redis::{Cmd, ConnectionLike as _, Value};
use shared::AppState;
use shared::config::Config;
use shared::domain::{Credentials, Email, Token};
use tokio::runtime::Builder;
use tokio_postgres::{Client, NoTls};

use crate::gate::redis::Keys;
use crate::gate::{self, Gate};
use crate::request;
use crate::scheduler::{Message, Outcome, PendingMessage, Scheduler};
use crate::worker::{PausedRuntime, Worker};

/// The fixture of all replays. Only one replay runs at a time, because all environments share the
/// outbox of its database.
static FIXTURE: LazyLock<Mutex<Fixture>> = LazyLock::new(|| Mutex::new(Fixture::open()));

/// A time limit far above the response time of a server, even on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The servers, which the fixture itself uses without gates.
pub(crate) struct Fixture {
    runtime: PausedRuntime,
    database: Client,
    database_url: String,
    redis: redis::Connection,
    redis_url: String,
    state: AppState,
    users: u32,
}

impl Fixture {
    /// Runs a replay, and blocks other replays meanwhile.
    pub(crate) fn with_exclusive<T>(replay: impl FnOnce(&mut Self) -> T) -> T {
        // A test that panicked has not left anything behind that affects the next one.
        replay(&mut FIXTURE.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn open() -> Self {
        let runtime = PausedRuntime::new();
        let (admin, redis_url) = (testing::postgres(), testing::redis());
        let name = format!("replay_{}", std::process::id());
        let database_url = admin.url(&name);
        // This needs a clock that runs: cloning may have to sleep until the template is free.
        let setup = Builder::new_current_thread().enable_all().build().unwrap();
        setup.block_on(async {
            admin.drop_database(&name).await.unwrap();
            admin.clone_database(&testing::template_database(), &name).await.unwrap();
        });
        let (database, connection) = runtime.block_on(tokio_postgres::connect(&database_url, NoTls)).unwrap();
        runtime.spawn(connection);
        let redis = redis::Client::open(redis_url.as_str()).unwrap().get_connection().unwrap();
        let state = state(&redis_url, &database_url);
        Self { runtime, database, database_url, redis, redis_url, state, users: 0 }
    }

    pub(crate) fn create_user(&mut self) -> User {
        self.users += 1;
        let email = Email::parse(&format!("user{}@example.org", self.users).as_str().into()).unwrap();
        let token = self.runtime.block_on(async {
            let account = self.state.store.accounts().register(&email, "not a hash", None).await.unwrap();
            let sql = "UPDATE user_profiles SET communication_style = '1' WHERE user_id = $1";
            self.database.execute(sql, &[&account.id.0]).await.unwrap();
            self.database.execute("DELETE FROM cache_outbox", &[]).await.unwrap();
            let credentials = Credentials { user: account.id, password_hash: "not a hash".to_owned() };
            self.state.store.sessions().create(&credentials, None).await.unwrap().token
        });
        let record = format!("user:profile:{}", token.user_id());
        User { token, keys: Keys { guard: format!("{record}:guard"), record } }
    }

    pub(crate) fn environment(&self, number: usize, keys: &Keys, scheduler: &Arc<Scheduler>) -> Environment {
        let (keys, redis_scheduler, postgres_scheduler) = (keys.clone(), Arc::clone(scheduler), Arc::clone(scheduler));
        let redis = Gate::open(testing::port(&self.redis_url), move |client, server| {
            gate::redis::serve(client, server, &keys, |operation, command| {
                let message = Message::Command(command);
                redis_scheduler.hold(PendingMessage { environment: number, operation, message });
            });
        });
        let postgres = Gate::open(testing::port(&self.database_url), move |client, server| {
            gate::postgres::serve(client, server, |operation, statement| {
                let message = Message::Statement(statement);
                postgres_scheduler.hold(PendingMessage { environment: number, operation, message });
            });
        });
        let state = state(&redis.url(&self.redis_url), &postgres.url(&self.database_url));
        Environment { state, worker: Worker::start(), _gates: [redis, postgres] }
    }

    /// Drains the outbox like `cache-monitor`, and reads in an environment that has noticed no
    /// failure.
    pub(crate) fn drain_and_read(&self, token: &Token) -> u32 {
        self.runtime.block_on(async {
            self.state.store.outbox().drain().await.unwrap();
            match request::read(self.state.for_request(), token.clone()).await {
                Outcome::Read { version, .. } => version,
                other => panic!("{other:?}"),
            }
        })
    }

    /// Executes a command in Redis.
    pub(crate) fn redis(&mut self, command: &Cmd) -> Value {
        self.redis.req_command(command).unwrap()
    }

    /// Returns the ids of the rows of the outbox.
    pub(crate) fn outbox_rows(&self) -> Vec<i64> {
        let rows = self.runtime.block_on(self.database.query("SELECT id FROM cache_outbox ORDER BY id", &[])).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    pub(crate) fn delete_outbox_rows(&self, rows: &[i64]) {
        let sql = "DELETE FROM cache_outbox WHERE id = ANY($1)";
        self.runtime.block_on(self.database.execute(sql, &[&rows])).unwrap();
    }
}

/// A new user. The profile is at version 1, and the session is not cached yet.
pub(crate) struct User {
    pub(crate) token: Token,
    pub(crate) keys: Keys,
}

/// An execution environment, which reaches its servers through gates.
pub(crate) struct Environment {
    pub(crate) state: AppState,
    /// The worker that runs its first connections, which every actor of the environment uses.
    worker: Worker,
    _gates: [Gate; 2],
}

impl Environment {
    /// Runs work that no gate delays, and waits until it has ended.
    pub(crate) fn run(&self, work: impl Future<Output = ()> + Send + 'static) {
        let (done, is_done) = mpsc::channel();
        self.worker.run(async move {
            work.await;
            let _ = done.send(());
        });
        is_done.recv_timeout(TIMEOUT).expect("the environment reaches its servers");
    }
}

fn state(redis_url: &str, database_url: &str) -> AppState {
    let config = Config::from_lookup(|name| {
        Some(match name {
            "DATABASE_URL" => database_url.to_owned(),
            "REDIS_URL" => redis_url.to_owned(),
            "CACHE_KEY" => STANDARD.encode([7; 32]),
            _ => return None,
        })
    });
    AppState::try_from(config.unwrap()).unwrap()
}
