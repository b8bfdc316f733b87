//! Making, copying and dropping databases.

use std::io;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

use crate::{Error, Result};

/// Who copies a database waits this long for others to leave the original.
const TEMPLATE_FREE_WITHIN: Duration = Duration::from_secs(20);

/// A superuser's access to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    user: String,
    password: String,
    host: String,
    port: u16,
    /// A database that nobody copies: the one that statements about the others are sent to.
    database: String,
}

impl Admin {
    /// Takes `postgres://user:password@host:port/database`, the database being one that nobody copies, as `postgres`.
    ///
    /// # Errors
    /// The text has another form.
    pub fn parse(url: &str) -> Result<Self> {
        Self::parts(url).ok_or_else(|| {
            let rule = "must be postgres://user:password@host:port/database";
            Error::io("the URL of the server")(io::Error::new(io::ErrorKind::InvalidInput, rule))
        })
    }

    fn parts(url: &str) -> Option<Self> {
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

    /// The URL of a database of the server, with user and password.
    pub fn url(&self, database: &str) -> String {
        let Self { user, password, host, port, .. } = self;
        format!("postgres://{user}:{password}@{host}:{port}/{database}")
    }

    /// The same login at something that speaks for the server on another port.
    pub(crate) fn on_port(&self, port: u16) -> Self {
        Self { port, ..self.clone() }
    }

    pub(crate) fn login(&self) -> (&str, &str) {
        (&self.user, &self.password)
    }

    pub(crate) fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// Makes an empty database, unless there is one of that name.
    ///
    /// # Errors
    /// The server refuses or is away.
    pub async fn create_database(&self, name: &str) -> Result<()> {
        let what = format!("cannot create database {name}");
        let result = self
            .run(&what, async |client| client.batch_execute(&format!("CREATE DATABASE {}", quoted(name))).await)
            .await;
        match result {
            Err(Error::Sql { source, .. }) if source.code() == Some(&SqlState::DUPLICATE_DATABASE) => Ok(()),
            other => other,
        }
    }

    /// Makes a copy of a database, with the settings made by `ALTER DATABASE … SET`, which Postgres leaves out of a copy.
    ///
    /// Nobody may be connected to the original; for those who still are it waits, up to 20 s.
    ///
    /// # Errors
    /// The server refuses or is away, or the original stays in use.
    pub async fn clone_database(&self, template: &str, name: &str) -> Result<()> {
        let what = format!("cannot copy database {template} to {name}");
        let copy = format!("CREATE DATABASE {} TEMPLATE {}", quoted(name), quoted(template));
        let end = Instant::now() + TEMPLATE_FREE_WITHIN;
        self.run(&what, async |client| {
            while let Err(error) = client.batch_execute(&copy).await {
                if error.code() != Some(&SqlState::OBJECT_IN_USE) || Instant::now() > end {
                    return Err(error);
                }
                sleep(Duration::from_millis(20)).await;
            }
            // Copied in the catalogue: a statement made from the text would have to know which settings are lists.
            let settings = "INSERT INTO pg_db_role_setting SELECT copy.oid, s.setrole, s.setconfig \
                FROM pg_db_role_setting s JOIN pg_database o ON o.oid = s.setdatabase, pg_database copy \
                WHERE o.datname = $1 AND copy.datname = $2";
            client.execute(settings, &[&template, &name]).await.map(drop)
        })
        .await
    }

    /// Drops a database, if there is one, after disconnecting whoever uses it.
    ///
    /// # Errors
    /// The server refuses or is away.
    pub async fn drop_database(&self, name: &str) -> Result<()> {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(name));
        self.run(&format!("cannot drop database {name}"), async |client| client.batch_execute(&statement).await).await
    }

    /// Whether the server answers and has that database.
    pub async fn has_database(&self, name: &str) -> bool {
        let query = "SELECT FROM pg_database WHERE datname = $1";
        self.run("cannot look", async |client| client.query_one(query, &[&name]).await.map(drop)).await.is_ok()
    }

    async fn run(
        &self,
        what: &str,
        work: impl AsyncFnOnce(&Client) -> std::result::Result<(), tokio_postgres::Error>,
    ) -> Result<()> {
        let mut config = tokio_postgres::Config::new();
        config.user(&self.user).password(&self.password).host(&self.host).port(self.port).dbname(&self.database);
        config.connect_timeout(Duration::from_secs(5));
        let (client, connection) = config.connect(NoTls).await.map_err(Error::sql(what))?;
        // The connection is driven here rather than in a task: it ends with the work.
        tokio::select! {
            result = work(&client) => result.map_err(Error::sql(what)),
            Err(lost) = connection => Err(Error::sql(what)(lost)),
        }
    }
}

/// An identifier that may hold anything.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_another_database_keeps_the_server() {
        let admin = Admin::parse("postgres://kai:pw@127.0.0.1:20001/postgres").unwrap();
        assert_eq!(admin, Admin::new("kai", "pw".to_owned(), 20001));
        assert_eq!(admin.url("kai"), "postgres://kai:pw@127.0.0.1:20001/kai");
    }

    #[test]
    fn a_malformed_url_is_refused_without_being_repeated() {
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
        assert_eq!(quoted("a\"; DROP DATABASE b; --"), "\"a\"\"; DROP DATABASE b; --\"");
    }
}
