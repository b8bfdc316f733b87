//! Tests of each step of the protocol, on one node and on a cluster. Other tests run the same steps
//! over TLS and on a cluster that changes.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use cache::Lookup;
use metrics::RequestMetrics;
use redis::cmd;
use tokio::time::sleep;
use uuid::Uuid;

use crate::server::{
    Server, assert_dead, assert_served, begin, end, fill, key, key_of, look_up, miss, misses, put, until, write,
};

/// Defines a test of each step on a node of its own, and a function that runs all steps on a given
/// server.
macro_rules! steps {
    ($($step:ident)*) => {
        mod on_one_node {
            use super::Server;

            $(#[tokio::test]
            async fn $step() {
                super::$step(&Server::node()).await;
            })*
        }

        pub(crate) async fn every_step(server: &Server) {
            $(println!(stringify!($step));
            $step(server).await;)*
        }
    };
}

steps! {
    a_record_is_served_to_every_environment_while_its_generation_is_live
    a_write_drops_every_older_record
    a_fill_after_a_write_is_never_served
    during_a_write_nothing_is_served_or_filled
    overlapping_writers_share_a_marker_that_neither_clears_and_that_expires
    a_writer_does_not_clear_the_marker_of_another
    a_writer_that_crashes_leaves_a_marker_that_expires
    an_invalidation_drops_a_generation_but_not_a_marker
    an_evicted_guard_drops_all_its_records
    an_evicted_record_is_a_miss_and_other_records_are_still_served
    a_generation_is_never_reused
    an_abandoned_lookup_leaves_no_guard
    an_abandoned_lookup_does_not_drop_a_generation_that_others_use
    several_keys_are_looked_up_in_one_round_trip_and_not_confused
    the_guards_of_one_write_are_dropped_together
    the_guard_matches_the_pattern_of_its_records
}

#[tokio::test]
async fn every_step_holds_on_a_cluster() {
    every_step(&Server::cluster()).await;
}

async fn a_record_is_served_to_every_environment_while_its_generation_is_live(server: &Server) {
    let (one, other, key) = (server.cache(), server.cache(), key());
    let first = misses(&one, &key).await;
    let second = misses(&other, &key).await;
    fill(server, &one, &key, first, "filled by one").await;
    assert_served(&other, &key, "filled by one").await;
    fill(server, &other, &key, second, "filled by the other").await;
    assert_served(&one, &key, "filled by the other").await;
}

async fn a_write_drops_every_older_record(server: &Server) {
    let (reader, writer, key) = (server.cache(), server.cache(), key());
    for round in 0..5 {
        let body = format!("round {round}");
        put(server, &reader, &key, &body).await;
        write(server, &writer, &key).await;
        assert!(server.get(key.record()).is_some(), "the dead record must still exist");
        assert_dead(&reader, &key).await;
    }
}

async fn a_fill_after_a_write_is_never_served(server: &Server) {
    let (reader, writer, key) = (server.cache(), server.cache(), key());
    let early = misses(&reader, &key).await;
    write(server, &writer, &key).await;
    fill(server, &reader, &key, early, "from before the write").await;
    assert_dead(&reader, &key).await;

    // The same with a fill during the write, under the generation that was live before the write
    // began.
    let early = misses(&reader, &key).await;
    let guard = begin(server, &writer, &[&key]).await;
    fill(server, &reader, &key, early, "from before the commit").await;
    let [during] = writer.read([&key]).await;
    assert!(matches!(during, Lookup::Bypass), "{during:?}");
    end(server, guard).await;
    assert_dead(&writer, &key).await;
    assert_dead(&reader, &key).await;
}

async fn during_a_write_nothing_is_served_or_filled(server: &Server) {
    let (reader, writer, key) = (server.cache(), server.cache(), key());
    put(server, &reader, &key, "before").await;
    let guard = begin(server, &writer, &[&key]).await;
    for _ in 0..5 {
        // A bypass has no permit, so nothing can be filled. Another result would be an error even
        // on a busy machine.
        let [lookup] = reader.read([&key]).await;
        assert!(matches!(lookup, Lookup::Bypass), "{lookup:?}");
        assert!(server.get(key.guard()).unwrap().starts_with(b"!"), "a reader changed the marker");
    }
    end(server, guard).await;
    assert_eq!(server.get(key.guard()), None);
    put(server, &reader, &key, "after").await;
}

async fn overlapping_writers_share_a_marker_that_neither_clears_and_that_expires(server: &Server) {
    for first_ends_first in [true, false] {
        let (reader, key) = (server.cache(), key());
        put(server, &reader, &key, "before").await;
        let first = begin(server, &server.cache(), &[&key]).await;
        let second = begin(server, &server.cache(), &[&key]).await;
        let shared = server.get(key.guard()).unwrap();
        assert!(shared.starts_with(b"!S"), "{}", String::from_utf8_lossy(&shared));
        let order = if first_ends_first { [first, second] } else { [second, first] };
        for guard in order {
            guard.end().await;
            assert_eq!(server.get(key.guard()).as_ref(), Some(&shared));
            assert!(matches!(reader.read([&key]).await, [Lookup::Bypass]));
        }
        let left = server.pttl(key.guard());
        assert!((20_000..=30_000).contains(&left), "{left} ms");
        server.expire(key.guard()).await;
        assert_dead(&reader, &key).await;
    }
}

async fn a_writer_does_not_clear_the_marker_of_another(server: &Server) {
    let (cache, key) = (server.cache(), key());
    // The first writer is so slow that its marker expires before another writer begins.
    let slow = begin(server, &cache, &[&key]).await;
    server.expire(key.guard()).await;
    let quick = begin(server, &server.cache(), &[&key]).await;
    let marker = server.get(key.guard()).unwrap();
    assert!(marker.starts_with(b"!") && !marker.starts_with(b"!S"));
    slow.end().await;
    assert_eq!(server.get(key.guard()), Some(marker));
    assert!(matches!(cache.read([&key]).await, [Lookup::Bypass]));
    end(server, quick).await;
    assert_eq!(server.get(key.guard()), None);

    // The same with a reader after the marker has expired. The record that it fills must be dropped
    // when the slow write ends.
    let slow = begin(server, &cache, &[&key]).await;
    server.expire(key.guard()).await;
    put(server, &cache, &key, "read before the commit").await;
    end(server, slow).await;
    assert_dead(&cache, &key).await;
}

async fn a_writer_that_crashes_leaves_a_marker_that_expires(server: &Server) {
    let (cache, key) = (server.cache(), key());
    put(server, &cache, &key, "before").await;
    drop(begin(server, &server.cache(), &[&key]).await);
    let left = server.pttl(key.guard());
    assert!((20_000..=30_000).contains(&left), "{left} ms");
    assert!(matches!(cache.read([&key]).await, [Lookup::Bypass]));
    server.expire(key.guard()).await;
    assert_dead(&cache, &key).await;
    put(server, &cache, &key, "after").await;
}

async fn an_invalidation_drops_a_generation_but_not_a_marker(server: &Server) {
    let (cache, key) = (server.cache(), key());
    let guards = [key.guard().to_owned()];
    put(server, &cache, &key, "before").await;
    until(async || cache.invalidate(&guards).await).await;
    assert_eq!(server.get(key.guard()), None);
    assert_dead(&cache, &key).await;

    let guard = begin(server, &cache, &[&key]).await;
    let marker = server.get(key.guard());
    until(async || cache.invalidate(&guards).await).await;
    assert_eq!(server.get(key.guard()), marker, "an invalidation must not clear a marker");
    end(server, guard).await;
}

async fn an_evicted_guard_drops_all_its_records(server: &Server) {
    let (cache, owner) = (server.cache(), Uuid::new_v4());
    let keys = [1, 2, 3].map(|page| key_of(owner, page));
    for key in &keys {
        put(server, &cache, key, "before").await;
    }
    server.del(keys[0].guard());
    // The first lookup makes a new generation live, which the other lookups observe.
    for key in &keys {
        assert_dead(&cache, key).await;
    }
}

async fn an_evicted_record_is_a_miss_and_other_records_are_still_served(server: &Server) {
    let (cache, owner) = (server.cache(), Uuid::new_v4());
    let (gone, stays) = (key_of(owner, 1), key_of(owner, 2));
    put(server, &cache, &gone, "gone").await;
    put(server, &cache, &stays, "stays").await;
    server.del(gone.record());
    let slots = misses(&cache, &gone).await;
    assert_served(&cache, &stays, "stays").await;
    fill(server, &cache, &gone, slots, "again").await;
    assert_served(&cache, &gone, "again").await;
}

async fn a_generation_is_never_reused(server: &Server) {
    let (cache, key) = (server.cache(), key());
    let mut seen = HashSet::new();
    for round in 0..60 {
        miss(&cache, &key).await;
        let generation = server.get(key.guard()).unwrap();
        assert!(generation.starts_with(b"g") && generation.len() == 17);
        assert!(seen.insert(generation), "the generation of round {round} is not new");
        match round % 3 {
            0 => write(server, &cache, &key).await,
            1 => server.del(key.guard()),
            _ => server.expire(key.guard()).await,
        }
    }
}

async fn an_abandoned_lookup_leaves_no_guard(server: &Server) {
    let (cache, key) = (server.cache(), key());
    until(async || {
        // On a busy machine the command may be late and get lost. The guard then stays until it
        // expires.
        cache.abandon(miss(&cache, &key).await);
        sleep(Duration::from_millis(5)).await;
        server.get(key.guard()).is_none()
    })
    .await;
}

async fn an_abandoned_lookup_does_not_drop_a_generation_that_others_use(server: &Server) {
    let (stranger, owner, key) = (server.cache(), server.cache(), key());
    let proposed = misses(&owner, &key).await;
    stranger.abandon(miss(&stranger, &key).await);
    sleep(Duration::from_millis(30)).await;
    fill(server, &owner, &key, proposed, "mine").await;
    assert_served(&owner, &key, "mine").await;

    server.del(key.guard());
    let replaced = miss(&stranger, &key).await;
    write(server, &owner, &key).await;
    put(server, &owner, &key, "mine again").await;
    stranger.abandon(replaced);
    sleep(Duration::from_millis(30)).await;
    assert_served(&owner, &key, "mine again").await;
}

async fn several_keys_are_looked_up_in_one_round_trip_and_not_confused(server: &Server) {
    let meter = Arc::new(RequestMetrics::default());
    let (cache, keys) = (server.cache(), [key(), key()]);
    put(server, &cache, &keys[0], "first").await;
    put(server, &cache, &keys[1], "second").await;
    write(server, &cache, &keys[1]).await;
    let metered = cache.with_metrics(Arc::clone(&meter));
    until(async || {
        let before = meter.cache_round_trips();
        let [first, second, again] = metered.read([&keys[0], &keys[1], &keys[0]]).await;
        assert!(meter.cache_round_trips() <= before + 1, "the keys took several round trips");
        cache.mark_drained(cache.failures());
        assert!(!matches!(second, Lookup::Hit(_)), "{second:?}");
        for lookup in [&first, &again] {
            assert!(!matches!(lookup, Lookup::Hit(body) if body != b"first"), "{lookup:?}");
        }
        matches!([first, second, again], [Lookup::Hit(_), Lookup::Miss(_), Lookup::Hit(_)])
    })
    .await;
}

async fn the_guards_of_one_write_are_dropped_together(server: &Server) {
    let (cache, keys) = (server.cache(), [key(), key(), key()]);
    for key in &keys {
        put(server, &cache, key, "before").await;
    }
    let guard = begin(server, &server.cache(), &keys.each_ref()).await;
    assert!(keys.iter().all(|key| server.get(key.guard()).unwrap().starts_with(b"!")));
    end(server, guard).await;
    for key in &keys {
        assert_eq!(server.get(key.guard()), None);
        assert_dead(&cache, key).await;
    }
}

async fn the_guard_matches_the_pattern_of_its_records(server: &Server) {
    // The original service drops `journal:list:{user}:*`. This pattern includes the guard, so both
    // services can invalidate the records.
    let (cache, key) = (server.cache(), key());
    put(server, &cache, &key, "before").await;
    let owner = key.guard().strip_prefix("thing:list:").and_then(|rest| rest.strip_suffix(":guard")).unwrap();
    assert!(key.record().starts_with(&format!("thing:list:{owner}:")));
    server.run(cmd("DEL").arg(key.guard()));
    assert!(matches!(look_up(&cache, &key).await, Lookup::Miss(_)));
}
