//! Tests of the Redis statistics, including those of a server that rejects some of the commands.

use cache::{Cache, FamilyUsage, MemoryStats};
use redis::{Value, cmd};

use crate::fake::Fake;
use crate::server::{Server, cache_at, until};

const FAMILIES: [&str; 3] = ["one", "two", "three"];

/// Returns the statistics. Tries again if the replies were late, which may happen on a busy
/// machine.
async fn memory_stats(cache: &Cache) -> MemoryStats {
    let mut memory_stats = None;
    until(async || {
        memory_stats = cache.memory_stats().await.ok();
        memory_stats.is_some()
    })
    .await;
    memory_stats.unwrap()
}

#[tokio::test]
async fn keys_are_taken_from_every_primary_of_a_cluster() {
    let server = Server::cluster();
    // One family on each of the three primaries, which is the most uneven distribution. The slots
    // of these hash tags are on different primaries.
    for (family, tag) in FAMILIES.into_iter().zip(["b", "1", "a"]) {
        for number in 0..100 {
            let name = format!("{family}:{{{tag}}}:{number}");
            assert_eq!(server.run(cmd("SET").arg(name).arg("x")), Value::Okay);
        }
    }
    let memory_stats = memory_stats(&server.cache()).await;
    assert_eq!(memory_stats.keys, Some(300));
    for family in FAMILIES {
        let share = memory_stats.family_usage(&[family]).unwrap();
        // Within six standard errors of a third, with a sample of 200.
        assert!((40..=160).contains(&share.keys), "{family}: {share:?}");
    }
}

#[tokio::test]
async fn keys_that_are_not_strings_count_but_belong_to_no_family() {
    let server = Server::node();
    for number in 0..100 {
        server.set(&format!("one:{number}"), b"x");
        assert_eq!(server.run(cmd("RPUSH").arg(format!("other:{number}")).arg("x")), Value::Int(1));
    }
    let share = memory_stats(&server.cache()).await.family_usage(&["one"]).unwrap();
    // Within six standard errors of a half, with a sample of 200.
    assert!((57..=143).contains(&share.keys), "{share:?}");
}

#[tokio::test]
async fn a_rejected_command_only_leaves_out_its_own_statistics() {
    for refused in ["INFO", "DBSIZE", "RANDOMKEY", "STRLEN"] {
        let fake = Fake::start(move |_, words| match words[0].as_slice() {
            command if command == refused.as_bytes() => b"-ERR unknown command\r\n".to_vec(),
            b"INFO" => b"$33\r\nused_memory:7\r\nevicted_keys:123\r\n\r\n".to_vec(),
            b"DBSIZE" => b":10\r\n".to_vec(),
            b"RANDOMKEY" => b"$5\r\none:x\r\n".to_vec(),
            _ => b":50\r\n".to_vec(),
        });
        let memory_stats = memory_stats(&cache_at(&fake.url())).await;
        assert_eq!(memory_stats.usage.map(|usage| usage.evicted), (refused != "INFO").then_some(123), "{refused}");
        assert_eq!(memory_stats.keys, (refused != "DBSIZE").then_some(10), "{refused}");
        let share = (refused == "INFO").then_some(FamilyUsage { keys: 10, bytes: 10 * (5 + 50 + 70) });
        assert_eq!(memory_stats.family_usage(&["one"]), share, "{refused}");
    }
}
