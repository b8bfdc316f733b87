//! Statistics that Redis reports, and the memory use of each family, estimated from a sample.

use std::time::Duration;

use redis::{Value, from_redis_value};

use super::client::Unreachable;
use super::{Cache, pipeline};

/// The deadline of each of the two round trips.
const BUDGET: Duration = Duration::from_millis(500);
/// The number of keys in the sample, however many keys there are.
const SAMPLE: usize = 200;
/// The approximate number of bytes that Redis 7 needs for a string in addition to its name and its
/// value. It includes the rounding of small allocations. `MEMORY USAGE` would be exact, but a
/// serverless cache does not support it.
const OVERHEAD: u64 = 70;

/// Statistics of a Redis. On a cluster, the totals of all primaries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryStats {
    /// The statistics of `INFO`, or `None` if the server rejects the command.
    pub usage: Option<ServerUsage>,
    /// The number of keys, or `None` if the server rejects `DBSIZE`.
    pub keys: Option<u64>,
    /// Randomly selected keys, with the approximate number of bytes that each uses.
    sample: Vec<(String, u64)>,
}

/// Statistics from the reply to `INFO`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServerUsage {
    /// The memory in use, in bytes.
    pub memory: u64,
    /// The maximum memory in bytes, or 0 if there is no limit.
    pub memory_limit: u64,
    /// The number of keys that were evicted since the server started.
    pub evicted: u64,
    /// The number of client connections.
    pub clients: u64,
}

/// The memory use of a family, estimated from a sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FamilyUsage {
    /// The number of keys, which are records and guards.
    pub keys: u64,
    /// The number of bytes that these keys use.
    pub bytes: u64,
}

impl Cache {
    /// Returns statistics of Redis, with a sample of 200 keys.
    ///
    /// The cost does not depend on the number of keys. A statistic is left out if the server
    /// rejects its command, because ElastiCache does not support every command everywhere.
    ///
    /// # Errors
    /// [`Unreachable`] if Redis did not reply to one of the two round trips within 500 ms.
    pub async fn memory_stats(&self) -> Result<MemoryStats, Unreachable> {
        let command = |name: &str| redis::cmd(name);
        let asked = || {
            pipeline([command("INFO"), command("DBSIZE")].into_iter().chain((0..SAMPLE).map(|_| command("RANDOMKEY"))))
        };
        let mut replies = self.exchange(asked, BUDGET).await?.into_iter();
        let usage = replies.next().and_then(ServerUsage::parse);
        let keys = replies.next().and_then(|size| from_redis_value(size).ok());
        let mut memory_stats = MemoryStats { usage, keys, sample: Vec::new() };
        let name = |reply| match reply {
            Value::BulkString(name) => Some(name),
            _ => None,
        };
        let names: Vec<Vec<u8>> = replies.filter_map(name).collect();
        if names.is_empty() {
            return Ok(memory_stats);
        }
        let length = |name: &Vec<u8>| {
            let mut command = redis::cmd("STRLEN");
            command.arg(name);
            command
        };
        let lengths = self.exchange(|| pipeline(names.iter().map(length)), BUDGET).await?;
        let lengths: Vec<Option<u64>> = lengths.into_iter().map(|length| from_redis_value(length).ok()).collect();
        if lengths.iter().all(Option::is_none) {
            return Ok(memory_stats);
        }
        // A key that is not a string belongs to another program. It counts, as it does in `DBSIZE`.
        let sized = names.iter().zip(lengths).map(|(name, length)| {
            (String::from_utf8_lossy(name).into_owned(), name.len() as u64 + length.unwrap_or(0) + OVERHEAD)
        });
        memory_stats.sample = sized.collect();
        Ok(memory_stats)
    }
}

impl MemoryStats {
    /// Returns the memory use of the keys whose names begin with one of these prefixes and a colon.
    ///
    /// Returns `None` if the server did not report the number of keys or did not return a sample.
    /// An unknown use is not the same as no use.
    pub fn family_usage(&self, prefixes: &[&str]) -> Option<FamilyUsage> {
        let keys = self.keys.filter(|keys| *keys == 0 || !self.sample.is_empty())?;
        let is_meant = |name: &str| {
            prefixes.iter().any(|prefix| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(':')))
        };
        let meant = self.sample.iter().filter(|(name, _)| is_meant(name));
        let (number, bytes) = meant.fold((0, 0), |(number, sum), (_, bytes)| (number + 1, sum + bytes));
        let scale = keys as f64 / self.sample.len().max(1) as f64;
        let estimated = |number: u64| (number as f64 * scale).round() as u64;
        Some(FamilyUsage { keys: estimated(number), bytes: estimated(bytes) })
    }
}

impl ServerUsage {
    /// Parses the reply of a node, or adds up the replies of the nodes of a cluster.
    fn parse(info: Value) -> Option<Self> {
        if let Value::Map(nodes) = info {
            return nodes.into_iter().map(|(_, info)| Self::parse(info)).try_fold(Self::default(), |sum, node| {
                let node = node?;
                Some(Self {
                    memory: sum.memory + node.memory,
                    memory_limit: sum.memory_limit + node.memory_limit,
                    evicted: sum.evicted + node.evicted,
                    clients: sum.clients + node.clients,
                })
            });
        }
        let text: String = from_redis_value(info).ok()?;
        let number = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|value| value.trim().parse::<u64>().ok())
        };
        Some(Self {
            memory: number("used_memory")?,
            memory_limit: number("maxmemory").unwrap_or(0),
            evicted: number("evicted_keys").unwrap_or(0),
            clients: number("connected_clients").unwrap_or(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_extrapolated_from_the_sample_to_all_keys() {
        let sample = [("session:a", 100), ("session:b:guard", 300), ("user:profile:c", 50), ("login:d", 10)];
        let sample = sample.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec();
        let memory_stats = MemoryStats { keys: Some(400), sample, usage: None };
        let share = |prefixes: &[&str]| memory_stats.family_usage(prefixes).unwrap();
        assert_eq!(share(&["session"]), FamilyUsage { keys: 200, bytes: 40_000 });
        assert_eq!(share(&["user:profile"]), FamilyUsage { keys: 100, bytes: 5000 });
        assert_eq!(share(&["session", "user:profile"]), FamilyUsage { keys: 300, bytes: 45_000 });
        assert_eq!(share(&["ai:response", "log"]), FamilyUsage::default());
    }

    #[test]
    fn the_usage_of_an_empty_server_is_zero_and_that_of_a_silent_one_is_unknown() {
        let empty = MemoryStats { keys: Some(0), ..MemoryStats::default() };
        assert_eq!(empty.family_usage(&["session"]), Some(FamilyUsage::default()));
        for keys in [None, Some(7)] {
            assert_eq!(MemoryStats { keys, ..MemoryStats::default() }.family_usage(&["session"]), None, "{keys:?}");
        }
        let silent = Value::BulkString(b"# Server\r\nredis_version:7\r\n".to_vec());
        for info in [Value::Nil, silent.clone(), Value::Map(vec![(Value::Nil, silent)])] {
            assert_eq!(ServerUsage::parse(info), None);
        }
    }

    #[test]
    fn the_statistics_of_a_cluster_are_the_sums_of_its_nodes() {
        let info = |memory: u64| {
            Value::BulkString(format!("# Memory\r\nused_memory:{memory}\r\nused_memory_rss:9\r\nmaxmemory:100\r\n# Stats\r\nevicted_keys:2\r\n").into_bytes())
        };
        let usage = ServerUsage::parse(Value::Map(vec![(Value::Nil, info(7)), (Value::Nil, info(5))]));
        assert_eq!(usage, Some(ServerUsage { memory: 12, memory_limit: 200, evicted: 4, clients: 0 }));
    }
}
