//! What Redis tells of itself and of what it holds.

use std::collections::BTreeMap;
use std::time::Duration;

use redis::{Value, from_redis_value};

use super::client::Unreachable;
use super::{Cache, pipeline};

/// How long Redis gets for each of the two rounds.
const BUDGET: Duration = Duration::from_millis(500);
/// So many keys are looked at, whatever number there are.
const SAMPLE: usize = 200;

/// What Redis told. On a cluster, of all primaries together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Census {
    /// Bytes in use.
    pub memory: u64,
    /// Bytes that may be used; 0 where there is no limit.
    pub memory_limit: u64,
    /// Records that were dropped for want of memory, since the server started.
    pub evicted: u64,
    /// Connections.
    pub clients: u64,
    /// Keys.
    pub keys: u64,
    /// Some keys, taken at random, and the bytes that each takes up.
    sample: Vec<(String, u64)>,
}

/// What a family takes up, estimated from a sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Records and guards.
    pub keys: u64,
    /// What they take up.
    pub bytes: u64,
}

impl Cache {
    /// Asks Redis what it holds: a fixed number of keys is looked at, so that it costs the same however many there are. What a server
    /// refuses to tell counts as nothing.
    ///
    /// # Errors
    /// [`Unreachable`] when Redis cannot be reached.
    pub async fn census(&self) -> Result<Census, Unreachable> {
        let command = |name: &str| redis::cmd(name);
        let asked = || {
            pipeline([command("INFO"), command("DBSIZE")].into_iter().chain((0..SAMPLE).map(|_| command("RANDOMKEY"))))
        };
        let mut replies = self.exchange(asked, BUDGET).await?.into_iter();
        let mut census = Census::default();
        replies.next().into_iter().for_each(|info| census.read(info));
        census.keys = replies.next().and_then(|size| from_redis_value(size).ok()).unwrap_or(0);
        let names: Vec<String> = replies.filter_map(|name| from_redis_value(name).ok()).collect();
        if names.is_empty() {
            return Ok(census);
        }
        let usage = |name: &String| {
            let mut command = redis::cmd("MEMORY");
            command.arg("USAGE").arg(name);
            command
        };
        let sizes = self.exchange(|| pipeline(names.iter().map(usage)), BUDGET).await?;
        // A key may have gone meanwhile.
        let sized =
            names.iter().cloned().zip(sizes).filter_map(|(name, size)| Some((name, from_redis_value(size).ok()?)));
        census.sample = sized.collect();
        Ok(census)
    }
}

impl Census {
    /// What each of these families takes up, by prefix. Keys of other kinds are left out.
    pub fn shares(&self, prefixes: &[&'static str]) -> BTreeMap<&'static str, Share> {
        let mut found: BTreeMap<_, (u64, u64)> = prefixes.iter().map(|prefix| (*prefix, (0, 0))).collect();
        for (name, bytes) in &self.sample {
            let of = |prefix: &&&'static str| name.strip_prefix(**prefix).is_some_and(|rest| rest.starts_with(':'));
            if let Some((number, sum)) = prefixes.iter().find(of).and_then(|prefix| found.get_mut(prefix)) {
                *number += 1;
                *sum += bytes;
            }
        }
        let scale = self.keys as f64 / self.sample.len().max(1) as f64;
        let estimated = |number: u64| (number as f64 * scale).round() as u64;
        let share = |(keys, bytes)| Share { keys: estimated(keys), bytes: estimated(bytes) };
        found.into_iter().map(|(prefix, sums)| (prefix, share(sums))).collect()
    }

    /// Adds what a node tells, or each node of a cluster.
    fn read(&mut self, info: Value) {
        match info {
            Value::Map(nodes) => nodes.into_iter().for_each(|(_, info)| self.read(info)),
            info => {
                let Ok(text) = from_redis_value::<String>(info) else { return };
                let number = |name: &str| {
                    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                    line.and_then(|value| value.trim().parse::<u64>().ok()).unwrap_or(0)
                };
                self.memory += number("used_memory");
                self.memory_limit += number("maxmemory");
                self.evicted += number("evicted_keys");
                self.clients += number("connected_clients");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_stands_for_all_keys() {
        let sample = [("session:a", 100), ("session:b:guard", 300), ("user:profile:c", 50), ("login:d", 10)];
        let sample = sample.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec();
        let census = Census { keys: 400, sample, ..Census::default() };
        let shares = census.shares(&["session", "user:profile", "ai:response", "log"]);
        assert_eq!(shares["session"], Share { keys: 200, bytes: 40_000 });
        assert_eq!(shares["user:profile"], Share { keys: 100, bytes: 5000 });
        assert_eq!((shares["ai:response"], shares["log"]), (Share::default(), Share::default()));
    }

    #[test]
    fn an_empty_server_and_one_that_says_nothing_hold_nothing() {
        let mut census = Census::default();
        census.read(Value::Nil);
        assert_eq!(census, Census::default());
        assert_eq!(census.shares(&["session"])["session"], Share::default());
    }

    #[test]
    fn the_nodes_of_a_cluster_are_added_up() {
        let info = |memory: u64| {
            Value::BulkString(format!("# Memory\r\nused_memory:{memory}\r\nused_memory_rss:9\r\nmaxmemory:100\r\n# Stats\r\nevicted_keys:2\r\n").into_bytes())
        };
        let mut census = Census::default();
        census.read(Value::Map(vec![(Value::Nil, info(7)), (Value::Nil, info(5))]));
        assert_eq!((census.memory, census.memory_limit, census.evicted), (12, 200, 4));
    }
}
