//! A running system and the ways to start it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dev_servers::{Postgres, Redis, testing};
use emulator::{Emulator, InvocationError, LogBuffer, Options, Template, Variable};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::backends::Backends;
use crate::client::Client;
use crate::emf;
use crate::proxy::Proxy;
use crate::setup::Setup;

/// The functions behind the emulator, with a database, Redis and collected logs.
#[derive(Debug)]
pub struct TestApp {
    /// The gateway and the functions.
    pub emulator: Emulator,
    /// Everything that the functions and the platform have logged.
    pub logs: LogBuffer,
    /// The proxy in front of the database, if the setup requests one.
    pub postgres_proxy: Option<Proxy>,
    /// The proxy in front of Redis, if the setup requests one.
    pub redis_proxy: Option<Proxy>,
    /// The dedicated Postgres server, if the setup requests one.
    pub own_postgres: Option<Postgres>,
    /// The dedicated Redis server, if the setup requests one.
    pub own_redis: Option<Redis>,
    database_url: String,
    redis_url: String,
    configured_urls: [String; 2],
    folder: TempDir,
}

static SHARED: OnceCell<TestApp> = OnceCell::const_new();

impl TestApp {
    /// Returns the system that all tests share if they access only their own users.
    pub async fn shared() -> &'static Self {
        SHARED.get_or_init(Self::start).await
    }

    /// Starts a system with its own database.
    pub async fn start() -> Self {
        Self::start_with(Setup::default()).await
    }

    /// Starts the system that the setup describes.
    pub async fn start_with(setup: Setup) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        // Boxed, because the futures of the tests contain this one and would become too large.
        let backends = Box::pin(Backends::start(setup.postgres, setup.redis, setup.proxied, folder.path())).await;
        let [database_url, redis_url] = &backends.configured_urls;
        let mut key = [0; 32];
        getrandom::fill(&mut key).expect("the operating system provides random bytes");
        let mut variables: Vec<(&str, String)> = vec![
            ("DATABASE_URL", database_url.clone()),
            ("REDIS_URL", redis_url.clone()),
            ("CACHE_KEY", STANDARD.encode(key)),
            ("OPERATOR_KEY", "*".to_owned()),
        ];
        variables.extend(setup.variables.iter().cloned());
        let mut template = template();
        for function in &mut template.functions {
            // Tests invoke scheduled functions themselves. A scheduled run during a test would
            // change the numbers that the test counts.
            function.schedules.clear();
            if !setup.delivers_logs {
                function.subscriptions.clear();
            }
            for (name, value) in &setup.variables {
                // This includes variables that the template does not declare, for example the
                // trusted CAs.
                function.variables.insert((*name).to_owned(), Variable::Value(value.clone()));
            }
            if let Some(limit) = setup.concurrency {
                let limit = Variable::Value(limit.to_string());
                function.variables.insert("AWS_LAMBDA_MAX_CONCURRENCY".to_owned(), limit);
            }
        }
        let logs = LogBuffer::default();
        let options = Options {
            template,
            binaries: testing::functions(),
            variables: variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            max_environments: setup.environments,
            reuse_wait: setup.reuse_wait,
            throttle: false,
            logs: emf::validating_sink(if setup.keeps_logs { logs.sink() } else { Options::default().logs }),
            ..Options::default()
        };
        let emulator = Emulator::start(options).await.expect("the emulator starts");
        let app = Self {
            emulator,
            logs,
            postgres_proxy: backends.postgres_proxy,
            redis_proxy: backends.redis_proxy,
            own_postgres: backends.own_postgres,
            own_redis: backends.own_redis,
            database_url: backends.database_url,
            redis_url: backends.redis_url,
            configured_urls: backends.configured_urls,
            folder,
        };
        if app.own_postgres.is_some() {
            app.invoke("db-migrate", &json!({"direction": "up"})).await.expect("the migration succeeds");
        }
        app
    }

    /// Returns a client that is not signed in.
    pub fn anonymous(&self) -> Client {
        Client::new(self.emulator.address(), None)
    }

    /// Invokes a function with an event.
    ///
    /// # Errors
    /// The function reported an error, which is returned.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Value, InvocationError> {
        let answer = self.emulator.invoke(function, event.to_string()).await?;
        Ok(serde_json::from_slice(&answer).expect("the result of a function is JSON"))
    }

    /// Waits until every environment is idle and everything that it has sent has arrived.
    pub async fn wait_until_idle(&self) {
        self.emulator.idle().await;
        for proxy in self.postgres_proxy.iter().chain(&self.redis_proxy) {
            proxy.wait_until_quiet().await;
        }
    }

    /// Returns the URL of the database itself, without a proxy.
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// Returns the URL of Redis itself, without a proxy.
    pub fn redis_url(&self) -> &str {
        &self.redis_url
    }

    /// Returns the URLs of the database and of Redis in the configuration of the functions. If
    /// there are proxies, these are the URLs of the proxies.
    pub fn configured_urls(&self) -> [&str; 2] {
        self.configured_urls.each_ref().map(String::as_str)
    }

    /// Returns a folder that exists as long as the system. It contains the logs of dedicated
    /// servers.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Reads the template of the repository.
pub fn template() -> Template {
    Template::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml")).expect("the template is valid")
}
