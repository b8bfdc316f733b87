//! Somebody who has something of everything that is cached, and the names under which it is.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::time::Duration;

use api_tests::{Kai, Person, Reply};
use redis::Cmd;
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::chat_send::say;
use crate::faults::within;

const NEWEST: &str = "/api/journal/entries?page_size=1";
const HISTORY: &str = "/api/chat/history";

/// What is answered from the cache, and from where.
pub(super) struct Reading {
    pub(super) path: String,
    pub(super) record: String,
    pub(super) guard: String,
    /// What the database says.
    pub(super) expected: Value,
}

pub(super) struct Diarist {
    person: Person,
    pub(super) readings: Vec<Reading>,
    redis: MultiplexedConnection,
    /// What was written last.
    latest: String,
}

impl Deref for Diarist {
    type Target = Person;

    fn deref(&self) -> &Person {
        &self.person
    }
}

impl Diarist {
    /// Somebody new, all of whose answers come from the cache.
    pub(super) async fn settle(kai: &Kai) -> Self {
        Self::settle_beside(kai, kai.redis_url()).await
    }

    /// The same, with a Redis that is looked into through another URL.
    pub(super) async fn settle_beside(kai: &Kai, redis_url: &str) -> Self {
        let mut diarist = Self::new(kai, redis_url).await;
        kai.settled().await;
        for name in diarist.names().await {
            diarist.run(&[Cmd::del(name)]).await;
        }
        let mut known = BTreeSet::new();
        for index in 0..diarist.readings.len() {
            let path = diarist.readings[index].path.clone();
            diarist.get(&path).until_hit().await;
            let now = diarist.names().await;
            let new: Vec<_> = now.difference(&known).cloned().collect();
            let [record] = new.as_slice() else { panic!("{path} is cached as {new:?}") };
            diarist.readings[index].record.clone_from(record);
            known = now;
        }
        diarist
    }

    /// Somebody new of whom the cache is not known to hold anything.
    pub(super) async fn new(kai: &Kai, redis_url: &str) -> Self {
        let client = redis::Client::open(redis_url).unwrap();
        let redis = client.get_multiplexed_async_connection().await.unwrap();
        let mut diarist = Self { person: kai.settle().await, readings: Vec::new(), redis, latest: String::new() };
        let first = diarist.write("the first entry").await["id"].as_str().unwrap().to_owned();
        diarist.live(kai).await;
        let paths = [
            ("session", "/api/auth/me".to_owned()),
            ("user:profile", diarist.profile_path()),
            ("journal:list", NEWEST.to_owned()),
            ("journal:list", format!("{NEWEST}&page=2")),
            ("journal:list", format!("/api/journal/entries/{first}")),
            ("journal:list", "/api/journal/insights".to_owned()),
            ("conversation", HISTORY.to_owned()),
        ];
        for (family, path) in paths {
            let (record, guard) = (String::new(), format!("{family}:{}:guard", diarist.id));
            diarist.readings.push(Reading { path, record, guard, expected: Value::Null });
        }
        diarist.reread().await;
        diarist
    }

    /// The person's records.
    async fn names(&self) -> BTreeSet<String> {
        let token = const_hex::encode(crate::at_rest::hash(&self.token));
        let mut names = BTreeSet::new();
        for pattern in [format!("*{}*", self.id), format!("session:{token}")] {
            let found: Vec<String> =
                redis::cmd("KEYS").arg(pattern).query_async(&mut self.redis.clone()).await.unwrap();
            // An answer of the companion is looked up by a question alone, which is no reading.
            names.extend(found.into_iter().filter(|name| !name.ends_with(":guard") && !name.starts_with("ai:")));
        }
        names
    }

    /// Writes something new everywhere, whatever the state of the cache.
    pub(super) async fn live(&mut self, kai: &Kai) {
        self.latest = Uuid::new_v4().simple().to_string();
        self.write(&self.latest).await;
        self.patch(self.profile_path(), &json!({"communication_style": self.latest})).await.good();
        say(self, &self.latest).await;
        let elsewhere = self.with_token(kai.open_session(self.id).await);
        let _ = elsewhere.request("POST", "/api/auth/logout?scope=this").await;
    }

    /// What was written is what is read, from the database first and then from the cache.
    pub(super) async fn refresh(&mut self) {
        self.reread().await;
        self.warm().await;
    }

    /// Reads anew what the database says, which must be the latest.
    pub(super) async fn reread(&mut self) {
        for index in 0..self.readings.len() {
            self.readings[index].expected = self.get(&self.readings[index].path).await.good();
        }
        for path in [&self.profile_path(), NEWEST, HISTORY] {
            let reading = self.readings.iter().find(|reading| reading.path == path).unwrap();
            assert!(reading.expected.to_string().contains(&self.latest), "{} is out of date", reading.path);
        }
    }

    /// Reads until everything comes from the cache.
    pub(super) async fn warm(&self) {
        for reading in &self.readings {
            within(Duration::from_secs(10), &reading.path, async || self.check(reading, "warm").await.cache() == "hit")
                .await;
        }
    }

    /// Reads, and asserts that it is what the database says.
    pub(super) async fn check(&self, reading: &Reading, what: &str) -> Reply {
        let reply = self.get(&reading.path).await;
        assert_eq!(reply.status, 200, "{what}: {}: {}", reading.path, reply.text());
        assert_eq!(reply.json(), reading.expected, "{what}: {}", reading.path);
        reply
    }

    /// Runs commands in Redis, past the functions.
    pub(super) async fn run(&self, commands: &[Cmd]) {
        let mut pipeline = redis::pipe();
        for command in commands {
            pipeline.add_command(command.clone());
        }
        pipeline.exec_async(&mut self.redis.clone()).await.unwrap();
    }

    /// The records as they are, in the order of the readings.
    pub(super) async fn records(&self) -> Vec<(String, Vec<u8>)> {
        self.values(self.readings.iter().map(|reading| reading.record.clone())).await
    }

    pub(super) async fn guards(&self) -> Vec<(String, Vec<u8>)> {
        self.values(self.readings.iter().map(|reading| reading.guard.clone())).await
    }

    async fn values(&self, names: impl Iterator<Item = String>) -> Vec<(String, Vec<u8>)> {
        let mut values = Vec::new();
        for name in names {
            let value: Option<Vec<u8>> =
                redis::cmd("GET").arg(&name).query_async(&mut self.redis.clone()).await.unwrap();
            let value = value.unwrap_or_else(|| panic!("{name} is not there"));
            values.push((name, value));
        }
        values
    }
}
