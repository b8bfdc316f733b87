//! Guarded generations, step by step: on one node, on a cluster, and over TLS.

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

/// Makes a test of each step on a node of its own, and one function that takes all steps on a server that somebody else started.
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
    a_record_is_served_to_every_environment_while_its_generation_lives
    after_a_write_nothing_from_before_it_is_served
    a_fill_that_comes_after_a_write_is_never_served
    during_a_write_nothing_is_served_and_nothing_may_be_filled
    overlapping_writers_share_a_marker_that_neither_clears_and_that_lapses
    a_writer_leaves_the_marker_of_another
    a_writer_that_dies_leaves_a_marker_that_lapses
    a_finished_invalidation_drops_a_generation_and_leaves_a_marker
    an_evicted_guard_takes_all_its_records_with_it
    an_evicted_record_is_a_miss_and_its_neighbours_stay
    generations_never_come_back
    a_withdrawn_look_up_leaves_no_guard_behind
    a_withdrawn_look_up_leaves_a_generation_that_others_use
    several_keys_are_one_round_trip_and_do_not_mix
    the_guards_of_one_write_are_dropped_together
    the_guard_matches_the_pattern_of_its_records
}

#[tokio::test]
async fn every_step_holds_on_a_cluster() {
    every_step(&Server::cluster()).await;
}

async fn a_record_is_served_to_every_environment_while_its_generation_lives(server: &Server) {
    let (one, other, key) = (server.cache(), server.cache(), key());
    let first = misses(&one, &key).await;
    let second = misses(&other, &key).await;
    fill(server, &one, &key, first, "filled by one").await;
    assert_served(&other, &key, "filled by one").await;
    fill(server, &other, &key, second, "filled by the other").await;
    assert_served(&one, &key, "filled by the other").await;
}

async fn after_a_write_nothing_from_before_it_is_served(server: &Server) {
    let (reader, writer, key) = (server.cache(), server.cache(), key());
    for round in 0..5 {
        let body = format!("round {round}");
        put(server, &reader, &key, &body).await;
        write(server, &writer, &key).await;
        assert!(server.get(key.record()).is_some(), "the record is there, and dead");
        assert_dead(&reader, &key).await;
    }
}

async fn a_fill_that_comes_after_a_write_is_never_served(server: &Server) {
    let (reader, writer, key) = (server.cache(), server.cache(), key());
    let early = misses(&reader, &key).await;
    write(server, &writer, &key).await;
    fill(server, &reader, &key, early, "from before the write").await;
    assert_dead(&reader, &key).await;

    // The same while somebody has learnt the new generation already, and while the write is still going on.
    let early = misses(&reader, &key).await;
    let guard = begin(server, &writer, &[&key]).await;
    fill(server, &reader, &key, early, "from before the commit").await;
    let [during] = writer.read([&key]).await;
    assert!(matches!(during, Lookup::Bypass), "{during:?}");
    end(server, guard).await;
    assert_dead(&writer, &key).await;
    assert_dead(&reader, &key).await;
}

async fn during_a_write_nothing_is_served_and_nothing_may_be_filled(server: &Server) {
    let (reader, writer, key) = (server.cache(), server.cache(), key());
    put(server, &reader, &key, "before").await;
    let guard = begin(server, &writer, &[&key]).await;
    for _ in 0..5 {
        // A bypass has no slot, so there is nothing to fill; another outcome would be an offence even on a busy machine.
        let [lookup] = reader.read([&key]).await;
        assert!(matches!(lookup, Lookup::Bypass), "{lookup:?}");
        assert!(server.get(key.guard()).unwrap().starts_with(b"!"), "a reader touched the marker");
    }
    end(server, guard).await;
    assert_eq!(server.get(key.guard()), None);
    put(server, &reader, &key, "after").await;
}

async fn overlapping_writers_share_a_marker_that_neither_clears_and_that_lapses(server: &Server) {
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

async fn a_writer_leaves_the_marker_of_another(server: &Server) {
    let (cache, key) = (server.cache(), key());
    // The first writer is so slow that its marker lapses, and another one begins.
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

    // The same when it is a reader who comes after the lapse: what it filled must not outlive the slow writer.
    let slow = begin(server, &cache, &[&key]).await;
    server.expire(key.guard()).await;
    put(server, &cache, &key, "read before the commit").await;
    end(server, slow).await;
    assert_dead(&cache, &key).await;
}

async fn a_writer_that_dies_leaves_a_marker_that_lapses(server: &Server) {
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

async fn a_finished_invalidation_drops_a_generation_and_leaves_a_marker(server: &Server) {
    let (cache, key) = (server.cache(), key());
    let guards = [key.guard().to_owned()];
    put(server, &cache, &key, "before").await;
    until(async || cache.invalidate(&guards).await).await;
    assert_eq!(server.get(key.guard()), None);
    assert_dead(&cache, &key).await;

    let guard = begin(server, &cache, &[&key]).await;
    let marker = server.get(key.guard());
    until(async || cache.invalidate(&guards).await).await;
    assert_eq!(server.get(key.guard()), marker, "a write is under way");
    end(server, guard).await;
}

async fn an_evicted_guard_takes_all_its_records_with_it(server: &Server) {
    let (cache, owner) = (server.cache(), Uuid::new_v4());
    let keys = [1, 2, 3].map(|page| key_of(owner, page));
    for key in &keys {
        put(server, &cache, key, "before").await;
    }
    server.del(keys[0].guard());
    // The first look makes a new generation live; the others are looked up under that one.
    for key in &keys {
        assert_dead(&cache, key).await;
    }
}

async fn an_evicted_record_is_a_miss_and_its_neighbours_stay(server: &Server) {
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

async fn generations_never_come_back(server: &Server) {
    let (cache, key) = (server.cache(), key());
    let mut seen = HashSet::new();
    for round in 0..60 {
        miss(&cache, &key).await;
        let generation = server.get(key.guard()).unwrap();
        assert!(generation.starts_with(b"g") && generation.len() == 17);
        assert!(seen.insert(generation), "generation {round} was there before");
        match round % 3 {
            0 => write(server, &cache, &key).await,
            1 => server.del(key.guard()),
            _ => server.expire(key.guard()).await,
        }
    }
}

async fn a_withdrawn_look_up_leaves_no_guard_behind(server: &Server) {
    let (cache, key) = (server.cache(), key());
    until(async || {
        // A withdrawal that a busy machine made late is lost, and the guard lapses by itself.
        cache.abandon(miss(&cache, &key).await);
        sleep(Duration::from_millis(5)).await;
        server.get(key.guard()).is_none()
    })
    .await;
}

async fn a_withdrawn_look_up_leaves_a_generation_that_others_use(server: &Server) {
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

async fn several_keys_are_one_round_trip_and_do_not_mix(server: &Server) {
    let meter = Arc::new(RequestMetrics::default());
    let (cache, keys) = (server.cache(), [key(), key()]);
    put(server, &cache, &keys[0], "first").await;
    put(server, &cache, &keys[1], "second").await;
    write(server, &cache, &keys[1]).await;
    let metered = cache.with_metrics(Arc::clone(&meter));
    until(async || {
        let before = meter.cache_round_trips();
        let [first, second, again] = metered.read([&keys[0], &keys[1], &keys[0]]).await;
        assert!(meter.cache_round_trips() <= before + 1, "several keys took several round trips");
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
    // The original service drops `journal:list:{user}:*`. That takes the guard, too, so the two ways of invalidating compose.
    let (cache, key) = (server.cache(), key());
    put(server, &cache, &key, "before").await;
    let owner = key.guard().strip_prefix("thing:list:").and_then(|rest| rest.strip_suffix(":guard")).unwrap();
    assert!(key.record().starts_with(&format!("thing:list:{owner}:")));
    server.run(cmd("DEL").arg(key.guard()));
    assert!(matches!(look_up(&cache, &key).await, Lookup::Miss(_)));
}
