//! Tests of the commands that the operations send: exact times to live, and command counts that do
//! not depend on the number of keys.

use std::collections::BTreeMap;
use std::time::Duration;

use cache::{Family, Lookup};
use redis::{Value, cmd};
use uuid::Uuid;

use crate::fake::{Fake, Words};
use crate::server::{Server, begin, cache_at, fill, key, miss, put, until};

fn text(words: &Words) -> Vec<String> {
    words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

#[tokio::test]
async fn every_key_is_set_with_its_time_to_live() {
    for (ttl, family) in [3600, 300].map(|ttl| (ttl, Family { prefix: "thing", ttl: Duration::from_secs(ttl) })) {
        let fake = Fake::start(|_, words| match words[0].as_slice() {
            b"EVAL" => b"+OK\r\n".to_vec(),
            _ => b"$-1\r\n".to_vec(),
        });
        let owner = Uuid::new_v4();
        let (cache, key) = (cache_at(&fake.url()), family.key(owner, format!("thing:{owner}")));

        let slot = miss(&cache, &key).await;
        let sent = fake.take();
        let guard = text(sent.iter().find(|words| words[0] == b"SET").unwrap());
        assert_eq!(guard[1], format!("thing:{owner}:guard"));
        assert_eq!(guard[3..], ["NX", "GET", "EX", "90000"]);

        cache.fill(slot, b"body".to_vec());
        until(async || fake.has_received()).await;
        let record = text(&fake.take()[0]);
        assert_eq!([&record[0], &record[1], &record[3], &record[4]], ["SET", key.record(), "EX", &ttl.to_string()]);
        assert_eq!(record.len(), 5);

        let write = cache.begin(vec![key.guard().to_owned()]).await;
        let begin = text(&fake.take()[0]);
        assert_eq!(
            [&begin[2], &begin[3], &begin[5]],
            ["1", key.guard(), "30000"],
            "the script has one key, and the marker lives for 30 s"
        );
        write.end().await;
        let end = text(&fake.take()[0]);
        assert_eq!(
            [&end[2], &end[3], &end[4]],
            ["1", key.guard(), &begin[4]],
            "the script has one key and the nonce of the marker"
        );
    }
}

#[tokio::test]
async fn a_marker_lives_for_30_seconds_and_a_guard_for_25_hours() {
    let server = Server::node();
    let (cache, key) = (server.cache(), key());
    put(&server, &cache, &key, "body").await;
    assert!((89_900_000..=90_000_000).contains(&server.pttl(key.guard())));
    assert!((290_000..=300_000).contains(&server.pttl(key.record())));
    let _write = begin(&server, &cache, &[&key]).await;
    assert!((20_000..=30_000).contains(&server.pttl(key.guard())));
}

#[tokio::test]
async fn every_operation_sends_as_many_commands_with_a_million_keys_as_with_a_thousand() {
    let server = Server::node();
    let mut costs = Vec::new();
    for keys in [1_000, 1_000_000] {
        assert_eq!(server.run(cmd("DEBUG").arg("POPULATE").arg(keys).arg("thing:list:populated")), Value::Okay);
        costs.push(costs_of_each(&server).await);
    }
    assert_eq!(costs[0], costs[1]);
    for (operation, commands) in &costs[0] {
        for forbidden in ["scan", "keys", "randomkey", "flushdb", "dbsize"] {
            assert!(!commands.contains_key(forbidden), "{operation}: {commands:?}");
        }
    }
    // Commands that a script executes are counted, too.
    let expected = |pairs: &[(&str, u64)]| pairs.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
    assert_eq!(costs[0]["hit"], expected(&[("set", 1), ("get", 1)]));
    assert_eq!(costs[0]["begin"], expected(&[("eval", 1), ("get", 1), ("set", 1)]));
    assert_eq!(costs[0]["end"], expected(&[("eval", 1), ("get", 1), ("unlink", 1)]));
    assert_eq!(costs[0]["invalidate"], expected(&[("eval", 1), ("get", 1), ("unlink", 1)]));
    assert_eq!(costs[0]["fill"], expected(&[("set", 1)]));
}

type Commands = BTreeMap<String, u64>;

async fn costs_of_each(server: &Server) -> BTreeMap<&'static str, Commands> {
    let (cache, key) = (server.cache(), key());
    let guards = [key.guard().to_owned()];
    put(server, &cache, &key, "body").await;
    let mut costs = BTreeMap::new();
    costs.insert("hit", cost(server, async || matches!(cache.read([&key]).await, [Lookup::Hit(_)])).await);
    costs.insert("miss", {
        server.del(key.record());
        cost(server, async || matches!(cache.read([&key]).await, [Lookup::Miss(_)])).await
    });
    let slot = miss(&cache, &key).await;
    let before = commands(server);
    fill(server, &cache, &key, [slot], "body").await;
    // `fill` reads the record until Redis has stored it.
    let filled = difference(&before, &commands(server)).into_iter().filter(|(name, _)| name != "getex");
    costs.insert("fill", filled.collect());
    for (operation, announced) in [("begin", false), ("end", true)] {
        let mut spent = Commands::new();
        until(async || {
            // A new key for each attempt, so that the late marker of one attempt does not affect
            // the next.
            let key = crate::server::key();
            let guard = if announced { Some(begin(server, &cache, &[&key]).await) } else { None };
            let before = commands(server);
            let succeeded = match guard {
                None => cache.begin(vec![key.guard().to_owned()]).await.unmarked().is_empty(),
                Some(guard) => guard.end().await,
            };
            spent = difference(&before, &commands(server));
            succeeded
        })
        .await;
        costs.insert(operation, spent);
    }
    put(server, &cache, &key, "body").await;
    costs.insert("invalidate", cost(server, async || cache.invalidate(&guards).await).await);
    costs
}

/// Returns the commands of one successful operation. On a busy machine, several attempts may be
/// late before one succeeds.
async fn cost(server: &Server, operation: impl AsyncFn() -> bool) -> Commands {
    let mut spent = Commands::new();
    until(async || {
        let before = commands(server);
        let succeeded = operation().await;
        spent = difference(&before, &commands(server));
        succeeded
    })
    .await;
    spent
}

/// Returns the number of executions of each command, without the commands that this query itself
/// uses.
fn commands(server: &Server) -> Commands {
    let stats = match server.run(cmd("INFO").arg("commandstats")) {
        Value::BulkString(stats) => String::from_utf8(stats).unwrap(),
        Value::VerbatimString { text, .. } => text,
        other => panic!("unexpected reply to INFO: {other:?}"),
    };
    let stats = stats.lines().filter_map(|line| {
        let (name, numbers) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), numbers.split(',').next()?.parse().unwrap()))
    });
    stats.filter(|(name, _)| name != "info" && !name.starts_with("client|")).collect()
}

fn difference(before: &Commands, after: &Commands) -> Commands {
    let more = after.iter().map(|(name, count)| (name.clone(), count - before.get(name).unwrap_or(&0)));
    more.filter(|(_, count)| *count > 0).collect()
}
