//! What Redis tells of itself and of what it holds.

use std::time::Duration;

use redis::{Value, from_redis_value};

use super::client::Unreachable;
use super::{Cache, pipeline};

/// How long Redis gets for each of the two rounds.
const BUDGET: Duration = Duration::from_millis(500);
/// So many keys are looked at, whatever number there are.
const SAMPLE: usize = 200;
/// About what Redis 7 keeps of a string besides its name and its bytes, the allocator's rounding of small ones included. `MEMORY USAGE` would tell
/// exactly, and a serverless cache does not know it.
const OVERHEAD: u64 = 70;

/// What Redis told. On a cluster, of all primaries together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryStats {
    /// Unless it refuses to tell.
    pub usage: Option<ServerUsage>,
    /// Keys, unless it refuses to tell.
    pub keys: Option<u64>,
    /// Some keys, taken at random, and about how many bytes each takes up.
    sample: Vec<(String, u64)>,
}

/// What `INFO` tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServerUsage {
    /// Bytes in use.
    pub memory: u64,
    /// Bytes that may be used; 0 where there is no limit.
    pub memory_limit: u64,
    /// Records that were dropped for want of memory, since the server started.
    pub evicted: u64,
    /// Connections.
    pub clients: u64,
}

/// What a family takes up, estimated from a sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FamilyUsage {
    /// Records and guards.
    pub keys: u64,
    /// What they take up.
    pub bytes: u64,
}

impl Cache {
    /// Asks Redis what it holds: a fixed number of keys is looked at, so that it costs the same however many there are. What a server
    /// refuses to tell is left out: `ElastiCache` does not know all commands everywhere.
    ///
    /// # Errors
    /// [`Unreachable`] when Redis cannot be reached.
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
        // What is no string is somebody else's, and is counted all the same, as `DBSIZE` does.
        let sized = names.iter().zip(lengths).map(|(name, length)| {
            (String::from_utf8_lossy(name).into_owned(), name.len() as u64 + length.unwrap_or(0) + OVERHEAD)
        });
        memory_stats.sample = sized.collect();
        Ok(memory_stats)
    }
}

impl MemoryStats {
    /// What the keys take up whose names begin with one of these words and a colon. None where Redis does not tell: nothing is not the same
    /// as not known.
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
    /// What a node tells, or the sum of what each node of a cluster does.
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
    fn a_sample_stands_for_all_keys() {
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
    fn an_empty_server_holds_nothing_and_of_one_that_says_nothing_nobody_knows() {
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
    fn the_nodes_of_a_cluster_are_added_up() {
        let info = |memory: u64| {
            Value::BulkString(format!("# Memory\r\nused_memory:{memory}\r\nused_memory_rss:9\r\nmaxmemory:100\r\n# Stats\r\nevicted_keys:2\r\n").into_bytes())
        };
        let usage = ServerUsage::parse(Value::Map(vec![(Value::Nil, info(7)), (Value::Nil, info(5))]));
        assert_eq!(usage, Some(ServerUsage { memory: 12, memory_limit: 200, evicted: 4, clients: 0 }));
    }
}
