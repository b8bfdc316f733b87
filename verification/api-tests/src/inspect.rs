//! Access to the data that a system has stored and logged.

use std::collections::BTreeMap;
use std::time::Duration;

use emulator::LogLine;
use redis::{AsyncConnectionConfig, Cmd, FromRedisValue};
use serde_json::Value;
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql};

use crate::app::TestApp;
use crate::database::with_connection;
use crate::emf;
use crate::response::Response;

/// The time limit for a log line to appear.
const LOG_TIMEOUT: Duration = Duration::from_secs(30);

impl TestApp {
    /// Executes a statement directly in the database.
    pub async fn query(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Vec<Row> {
        with_connection(self.database_url(), async |client| {
            client.query(sql, params).await.unwrap_or_else(|error| panic!("{error:?}: {sql}"))
        })
        .await
    }

    /// Executes a statement directly in the database, and returns the first column of its only row.
    pub async fn query_scalar<T: for<'a> FromSql<'a>>(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> T {
        let rows = self.query(sql, params).await;
        assert_eq!(rows.len(), 1, "number of rows of {sql}");
        rows[0].get(0)
    }

    /// Executes a command directly in Redis.
    pub async fn redis<T: FromRedisValue>(&self, command: &Cmd) -> T {
        let client = redis::Client::open(self.redis_url()).expect("the URL is valid");
        // Filling Redis takes longer than the default timeout of the driver.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let connection = client.get_multiplexed_async_connection_with_config(&config).await;
        let mut connection = connection.expect("Redis accepts the connection");
        command.query_async(&mut connection).await.expect("Redis replies")
    }

    /// Returns the number of times that Redis has executed each command since it started. The keys
    /// are the lower-case names of the commands.
    pub async fn command_counts(&self) -> BTreeMap<String, u64> {
        let info: String = self.redis(redis::cmd("INFO").arg("commandstats")).await;
        let parse = |line: &str| {
            let (name, stats) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            Some((name.to_owned(), stats.split(',').next()?.parse().ok()?))
        };
        info.lines().filter_map(parse).collect()
    }

    /// Returns all metric lines that were logged, as JSON.
    pub fn metrics(&self) -> Vec<Value> {
        let lines = self.logs.lines();
        lines.iter().filter(|line| emf::looks_like_emf(&line.text)).map(parse_line).collect()
    }

    /// Returns the metric line of one request.
    pub fn metrics_of(&self, response: &Response) -> Value {
        let id = response.header("x-request-id").expect("the response has a request id");
        let mut found: Vec<_> = self.metrics().into_iter().filter(|document| document["requestId"] == id).collect();
        assert_eq!(found.len(), 1, "number of metric lines of request {id}");
        found.remove(0)
    }

    /// Returns all log records that contain this text, as JSON.
    pub fn log_records(&self, text: &str) -> Vec<Value> {
        self.logs.lines().iter().filter(|line| line.text.contains(text)).map(parse_line).collect()
    }

    /// Waits for a log line that contains this text.
    ///
    /// # Panics
    /// Panics if there is no such line within 30 s.
    pub async fn wait_for_log(&self, text: &str) -> LogLine {
        let found = timeout(LOG_TIMEOUT, self.logs.find(|line| line.text.contains(text))).await;
        found.unwrap_or_else(|_| panic!("no log line contains {text:?}"))
    }

    /// Returns the member `performance` of `GET /health/detailed`, after everything that was logged
    /// so far has been added to it.
    pub async fn performance(&self, window: &str) -> Value {
        self.emulator.delivered().await;
        let request = self.anonymous().get(format!("/health/detailed?window={window}"));
        request.until("statistics of requests", Response::has_statistics).await.json()["performance"].take()
    }
}

fn parse_line(line: &LogLine) -> Value {
    serde_json::from_str(&line.text).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}
