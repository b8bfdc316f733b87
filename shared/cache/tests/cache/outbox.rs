//! Tests of the operations with which a caller drains its outbox.

use std::sync::{Arc, OnceLock};

use cache::{Cache, Lookup};

use crate::fake::Fake;
use crate::server::{cache_at, key, until};

/// A cluster may drop the guards in any order. If each is dropped twice, each is dropped after
/// every other.
#[tokio::test]
async fn each_of_several_guards_is_dropped_after_every_other() {
    let fake = Fake::always(b":1\r\n");
    let cache = cache_at(&fake.url());
    for (guards, expected) in
        [(&["profile", "answers"][..], &["profile", "answers", "profile", "answers"][..]), (&["one"], &["one"])]
    {
        let guards: Vec<String> = guards.iter().map(|guard| (*guard).to_owned()).collect();
        // On a busy machine a reply may be late. The invalidation is then repeated.
        until(async || {
            fake.take();
            cache.invalidate(&guards).await
        })
        .await;
        let scripts = fake.take().into_iter().filter(|words| words[0] == b"EVAL");
        assert_eq!(scripts.map(|words| String::from_utf8(words[3].clone()).unwrap()).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn a_lookup_that_was_sent_before_another_request_drained_the_outbox_is_a_bypass() {
    let environment: Arc<OnceLock<Cache>> = Arc::default();
    let fake = Fake::start({
        let environment = Arc::clone(&environment);
        move |_, words| match words[0].as_slice() {
            b"SET" => {
                // Another request drains the outbox before the lookup receives its reply.
                environment.get().into_iter().for_each(|cache| cache.mark_drained(cache.failures()));
                [b"$17\r\ng".as_slice(), &[7; 16], b"\r\n"].concat()
            }
            b"GET" => b"$-1\r\n".to_vec(),
            _ => b"-ERR\r\n".to_vec(),
        }
    });
    let (cache, key) = (cache_at(&fake.url()), key());
    environment.get_or_init(|| cache.clone());
    // On a busy machine a reply may be late. The lookup then fails, and its result proves nothing.
    until(async || {
        assert!(!cache.begin(vec![key.guard().to_owned()]).await.unmarked().is_empty(), "a drain must be needed");
        let failures = cache.failures();
        let [lookup] = cache.read([&key]).await;
        assert!(matches!(lookup, Lookup::Bypass), "{lookup:?}");
        cache.failures() == failures
    })
    .await;
    until(async || matches!(cache.read([&key]).await, [Lookup::Miss(_)])).await;
}
