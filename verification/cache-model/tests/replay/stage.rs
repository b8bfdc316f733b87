//! The servers, the environments in front of them, and a person whose profile is read and written.

use std::sync::{Arc, LazyLock, Mutex, mpsc};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dev_servers::testing;
use redis::{Cmd, ConnectionLike as _, Value};
use shared::State;
use shared::config::Config;
use shared::store::{self, Credentials, Email, Token};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

use crate::actor::Actor;
use crate::board::{Board, Ending};
use crate::gate::Gate;
use crate::redis_gate::{self, Names};
use crate::{postgres, request};

/// One database, whose outbox belongs to everybody: one replay after the other.
static STAGE: LazyLock<Mutex<Stage>> = LazyLock::new(|| Mutex::new(Stage::open()));

/// However busy the machine is.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Stage {
    runtime: Runtime,
    database: Client,
    database_url: String,
    redis: redis::Connection,
    redis_url: String,
    /// Past all gates.
    state: State,
    people: u32,
}

/// Somebody new, whose profile is at version 1, and who is signed in as the cache knows.
pub(crate) struct Person {
    pub(crate) token: Token,
    pub(crate) names: Names,
}

/// One execution environment, which reaches its servers through gates.
pub(crate) struct Environment {
    pub(crate) state: State,
    /// Where its first connections are at home, whoever uses them.
    host: Actor,
    _gates: [Gate; 2],
}

impl Environment {
    /// Does something that no gate holds up, and waits for it.
    pub(crate) fn do_at_home(&self, work: impl Future<Output = ()> + Send + 'static) {
        let (done, is_done) = mpsc::channel();
        self.host.run(async move {
            work.await;
            let _ = done.send(());
        });
        is_done.recv_timeout(PATIENCE).expect("an environment that reaches its servers");
    }
}

impl Stage {
    /// Has the stage to itself.
    pub(crate) fn alone<T>(perform: impl FnOnce(&mut Self) -> T) -> T {
        // A test that failed in the middle has left nothing behind that the next one minds.
        perform(&mut STAGE.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (admin, redis_url) = (testing::postgres(), testing::redis());
        let name = format!("replay_{}", std::process::id());
        let database_url = admin.url(&name);
        let database = runtime.block_on(async {
            admin.drop_database(&name).await.unwrap();
            admin.clone_database(&testing::template_database(), &name).await.unwrap();
            tokio_postgres::connect(&database_url, NoTls).await.unwrap()
        });
        let (database, connection) = database;
        runtime.spawn(connection);
        let redis = redis::Client::open(redis_url.as_str()).unwrap().get_connection().unwrap();
        let state = state(&redis_url, &database_url);
        Self { runtime, database, database_url, redis, redis_url, state, people: 0 }
    }

    pub(crate) fn person(&mut self) -> Person {
        self.people += 1;
        let email = Email::parse(&format!("person{}@example.org", self.people).as_str().into()).unwrap();
        let token = self.runtime.block_on(async {
            let account = store::register(&self.state, &email, "not a hash", None).await.unwrap();
            let sql = "UPDATE user_profiles SET communication_style = '1' WHERE user_id = $1";
            self.database.execute(sql, &[&account.id.0]).await.unwrap();
            self.database.execute("DELETE FROM cache_outbox", &[]).await.unwrap();
            let credentials = Credentials { user: account.id, password_hash: "not a hash".to_owned() };
            store::create_session(&self.state, &credentials, None).await.unwrap().token
        });
        let record = format!("user:profile:{}", token.user_id());
        Person { token, names: Names { guard: format!("{record}:guard"), record } }
    }

    pub(crate) fn environment(&self, number: usize, names: &Names, board: &Arc<Board>) -> Environment {
        let (names, redis_board, postgres_board) = (names.clone(), Arc::clone(board), Arc::clone(board));
        let redis = Gate::open(testing::port(&self.redis_url), move |client, server| {
            redis_gate::serve(number, client, server, &names, &redis_board);
        });
        let postgres = Gate::open(testing::port(&self.database_url), move |client, server| {
            postgres::serve(number, client, server, &postgres_board);
        });
        let state = state(&redis.url(&self.redis_url), &postgres.url(&self.database_url));
        Environment { state, host: Actor::start(), _gates: [redis, postgres] }
    }

    /// Finishes the outbox as `cache-monitor` does, and reads in an environment that has noticed nothing.
    pub(crate) fn read_when_all_is_over(&self, token: &Token) -> u32 {
        self.runtime.block_on(async {
            // On a busy machine Redis may be late.
            while store::drain_outbox(&self.state).await.is_err() {}
            match request::read(self.state.for_request(), token.clone()).await {
                Ending::Read { version, .. } => version,
                other => panic!("{other:?}"),
            }
        })
    }

    /// Does something to Redis past all gates.
    pub(crate) fn redis(&mut self, command: &Cmd) -> Value {
        self.redis.req_command(command).unwrap()
    }

    /// The rows of the outbox by their numbers.
    pub(crate) fn outbox(&self) -> Vec<i64> {
        let rows = self.runtime.block_on(self.database.query("SELECT id FROM cache_outbox ORDER BY id", &[])).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Deletes rows of the outbox past all gates.
    pub(crate) fn forget(&self, rows: &[i64]) {
        let sql = "DELETE FROM cache_outbox WHERE id = ANY($1)";
        self.runtime.block_on(self.database.execute(sql, &[&rows])).unwrap();
    }
}

fn state(redis_url: &str, database_url: &str) -> State {
    let config = Config::from_lookup(|name| {
        Some(match name {
            "DATABASE_URL" => database_url.to_owned(),
            "REDIS_URL" => redis_url.to_owned(),
            "CACHE_KEY" => STANDARD.encode([7; 32]),
            _ => return None,
        })
    });
    State::try_from(config.unwrap()).unwrap()
}
