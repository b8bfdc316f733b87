//! Creates, copies and drops databases.

use std::io;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

use crate::{Error, Result};

/// How long the copying of a database waits for the connections to the original to close.
const TEMPLATE_TIMEOUT: Duration = Duration::from_secs(20);

/// A superuser's access to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    user: String,
    password: String,
    host: String,
    port: u16,
    /// The database to which statements about other databases are sent. It must not be copied
    /// itself, because a copy requires an original without connections.
    database: String,
}

impl Admin {
    /// Parses `postgres://user:password@host:port/database`. The database must be one that is never
    /// copied, such as `postgres`.
    ///
    /// # Errors
    /// Returns an error if the URL has another form. The error does not contain the URL, because
    /// the URL may contain a password.
    pub fn parse(url: &str) -> Result<Self> {
        Self::parse_parts(url).ok_or_else(|| {
            let rule = "must be postgres://user:password@host:port/database";
            Error::io("invalid URL of a Postgres server")(io::Error::new(io::ErrorKind::InvalidInput, rule))
        })
    }

    fn parse_parts(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (login, rest) = rest.split_once('@')?;
        let (user, password) = login.split_once(':')?;
        let (host, database) = rest.split_once('/')?;
        let (host, port) = host.split_once(':')?;
        let [user, password, host, database] = [user, password, host, database].map(str::to_owned);
        scheme.starts_with("postgres").then_some(Self { user, password, host, port: port.parse().ok()?, database })
    }

    pub(super) fn new(user: &str, password: String, port: u16) -> Self {
        Self { user: user.to_owned(), password, host: "127.0.0.1".to_owned(), port, database: "postgres".to_owned() }
    }

    /// Returns the URL of a database of the server, with user and password.
    pub fn url(&self, database: &str) -> String {
        let Self { user, password, host, port, .. } = self;
        format!("postgres://{user}:{password}@{host}:{port}/{database}")
    }

    /// Returns the same access on another port, where a pooler for the server listens.
    pub(crate) fn on_port(&self, port: u16) -> Self {
        Self { port, ..self.clone() }
    }

    pub(crate) fn login(&self) -> (&str, &str) {
        (&self.user, &self.password)
    }

    pub(crate) fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// Creates an empty database, unless a database with this name exists.
    ///
    /// # Errors
    /// Returns an error if the server rejects the statement or is unavailable.
    pub async fn create_database(&self, name: &str) -> Result<()> {
        let operation = format!("cannot create database {name}");
        let result = self
            .run(&operation, async |client| client.batch_execute(&format!("CREATE DATABASE {}", quote(name))).await)
            .await;
        match result {
            Err(Error::Sql { source, .. }) if source.code() == Some(&SqlState::DUPLICATE_DATABASE) => Ok(()),
            other => other,
        }
    }

    /// Copies a database, including the settings of `ALTER DATABASE … SET`, which Postgres itself
    /// does not copy.
    ///
    /// The original must have no connections. The copying waits up to 20 s for existing ones to
    /// close.
    ///
    /// # Errors
    /// Returns an error if the server rejects the statement or is unavailable, or if the original
    /// stays in use.
    pub async fn clone_database(&self, template: &str, name: &str) -> Result<()> {
        let operation = format!("cannot copy database {template} to {name}");
        let copy = format!("CREATE DATABASE {} TEMPLATE {}", quote(name), quote(template));
        let end = Instant::now() + TEMPLATE_TIMEOUT;
        self.run(&operation, async |client| {
            while let Err(error) = client.batch_execute(&copy).await {
                if error.code() != Some(&SqlState::OBJECT_IN_USE) || Instant::now() > end {
                    return Err(error);
                }
                sleep(Duration::from_millis(20)).await;
            }
            // The settings are copied in the catalog, because `ALTER DATABASE` would have to know
            // which of them are lists.
            let settings = "INSERT INTO pg_db_role_setting SELECT copy.oid, s.setrole, s.setconfig \
                FROM pg_db_role_setting s JOIN pg_database o ON o.oid = s.setdatabase, pg_database copy \
                WHERE o.datname = $1 AND copy.datname = $2";
            client.execute(settings, &[&template, &name]).await.map(drop)
        })
        .await
    }

    /// Disconnects the clients of a database and drops it, if it exists.
    ///
    /// # Errors
    /// Returns an error if the server rejects the statement or is unavailable.
    pub async fn drop_database(&self, name: &str) -> Result<()> {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quote(name));
        self.run(&format!("cannot drop database {name}"), async |client| client.batch_execute(&statement).await).await
    }

    /// Reports whether the server is available and has this database.
    pub async fn has_database(&self, name: &str) -> bool {
        let query = "SELECT FROM pg_database WHERE datname = $1";
        self.run("cannot look up a database", async |client| client.query_one(query, &[&name]).await.map(drop))
            .await
            .is_ok()
    }

    async fn run(
        &self,
        operation: &str,
        work: impl AsyncFnOnce(&Client) -> Result<(), tokio_postgres::Error>,
    ) -> Result<()> {
        let mut config = Config::new();
        config.user(&self.user).password(&self.password).host(&self.host).port(self.port).dbname(&self.database);
        config.connect_timeout(Duration::from_secs(5));
        let (client, connection) = config.connect(NoTls).await.map_err(Error::sql(operation))?;
        // The connection is driven here and not in a task, so that it ends with the work.
        tokio::select! {
            result = work(&client) => result.map_err(Error::sql(operation)),
            Err(lost) = connection => Err(Error::sql(operation)(lost)),
        }
    }
}

/// Quotes an identifier, which may contain any character.
fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_another_database_has_the_same_server() {
        let admin = Admin::parse("postgres://kai:pw@127.0.0.1:20001/postgres").unwrap();
        assert_eq!(admin, Admin::new("kai", "pw".to_owned(), 20001));
        assert_eq!(admin.url("kai"), "postgres://kai:pw@127.0.0.1:20001/kai");
    }

    #[test]
    fn the_error_of_a_malformed_url_does_not_contain_it() {
        for url in [
            "postgres://kai@127.0.0.1:1/x",
            "mysql://kai:hunter2@127.0.0.1:1/x",
            "postgres://kai:hunter2@host/x",
            "hunter2",
        ] {
            let error = Admin::parse(url).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        assert_eq!(quote("a\"; DROP DATABASE b; --"), "\"a\"\"; DROP DATABASE b; --\"");
    }
}
