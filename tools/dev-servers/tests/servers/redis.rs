//! Redis, alone, with TLS, and as a cluster.

use std::time::{Duration, Instant};

use dev_servers::{Redis, RedisCluster, RedisOptions};
use redis::{Commands as _, ConnectionAddr, IntoConnectionInfo as _, RedisResult, TlsCertificates};

use crate::{folder, is_alive};

fn connect(redis: &Redis) -> RedisResult<redis::Connection> {
    redis::Client::open(redis.url())?.get_connection_with_timeout(Duration::from_secs(5))
}

#[test]
fn keys_survive_a_second_start_if_they_are_to_be_kept_and_only_then() {
    let dir = folder();
    for keep in [true, false] {
        let options = RedisOptions { keep, ..RedisOptions::default() };
        let first = Redis::start(dir.path(), &options).unwrap();
        let _: () = connect(&first).unwrap().set("number", 7).unwrap();
        let (port, pid) = (first.port(), first.pid());
        assert_eq!(Redis::attach(dir.path()), Some(first.url()));
        drop(first);
        assert_eq!(Redis::attach(dir.path()), None);
        assert!(!is_alive(pid), "a dropped server is gone");
        if keep {
            let second = Redis::start(dir.path(), &options).unwrap();
            assert_eq!(second.port(), port);
            let number: Option<u32> = connect(&second).unwrap().get("number").unwrap();
            assert_eq!(number, Some(7));
            let _: () = connect(&second).unwrap().del("number").unwrap();
        } else {
            let second = Redis::start(dir.path(), &options).unwrap();
            let number: Option<u32> = connect(&second).unwrap().get("number").unwrap();
            assert_eq!(number, None);
        }
    }
}

#[test]
fn a_paused_server_answers_nothing_and_goes_on_afterwards() {
    let dir = folder();
    let redis = Redis::start(dir.path(), &RedisOptions::default()).unwrap();
    let mut connection = connect(&redis).unwrap();
    redis.pause();
    connection.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(connection.ping::<String>().is_err());
    redis.resume();
    assert_eq!(connect(&redis).unwrap().ping::<String>().unwrap(), "PONG");
}

#[test]
fn a_paused_server_can_be_stopped() {
    let dir = folder();
    let redis = Redis::start(dir.path(), &RedisOptions::default()).unwrap();
    let pid = redis.pid();
    redis.pause();
    redis.stop();
    assert!(!is_alive(pid));
}

#[test]
fn a_killed_server_comes_back_on_the_same_port() {
    let dir = folder();
    let redis = Redis::start(dir.path(), &RedisOptions::default()).unwrap();
    let url = redis.url();
    redis.kill();
    assert!(connect(&redis).is_err());
    redis.restart().unwrap();
    assert_eq!(redis.url(), url);
    assert_eq!(connect(&redis).unwrap().ping::<String>().unwrap(), "PONG");
}

#[test]
fn directives_reach_the_server() {
    let dir = folder();
    let directives = vec![("maxmemory".to_owned(), "12mb".to_owned())];
    let redis = Redis::start(dir.path(), &RedisOptions { directives, ..RedisOptions::default() }).unwrap();
    let value: Vec<String> =
        redis::cmd("CONFIG").arg("GET").arg("maxmemory").query(&mut connect(&redis).unwrap()).unwrap();
    assert_eq!(value, ["maxmemory", "12582912"]);
}

#[test]
fn with_tls_only_a_client_that_trusts_the_authority_is_served() {
    // The library leaves the choice of the cryptography to the program; a second choice in the same process is refused.
    let _already = rustls::crypto::ring::default_provider().install_default();
    let dir = folder();
    let redis = Redis::start(dir.path(), &RedisOptions { tls: true, ..RedisOptions::default() }).unwrap();
    assert!(redis.url().starts_with("rediss://127.0.0.1:"));
    let authority = std::fs::read(redis.ca_file().unwrap()).unwrap();
    let certificates = TlsCertificates { client_tls: None, root_cert: Some(authority) };
    let trusting = redis::Client::build_with_tls(redis.url(), certificates).unwrap();
    assert_eq!(trusting.get_connection().unwrap().ping::<String>().unwrap(), "PONG");
    assert!(connect(&redis).is_err(), "an authority that nobody knows is not trusted");

    let address = redis.url().into_connection_info().unwrap();
    let ConnectionAddr::TcpTls { host, port, .. } = address.addr() else { panic!("not a TLS address") };
    let plain = redis::Client::open(format!("redis://{host}:{port}")).unwrap();
    assert!(plain.get_connection_with_timeout(Duration::from_secs(5)).is_err(), "nothing is served without TLS");
}

#[test]
fn a_cluster_serves_keys_of_every_shard() {
    let dir = folder();
    let started = Instant::now();
    let cluster = RedisCluster::start(dir.path(), 3).unwrap();
    println!("formed in {:?}", started.elapsed());
    let hosts = cluster.url().strip_prefix("redis-cluster://").unwrap().to_owned();
    let urls: Vec<String> = hosts.split(',').map(|host| format!("redis://{host}")).collect();
    let mut connection = redis::cluster::ClusterClient::new(urls).unwrap().get_connection().unwrap();
    for number in 0..100 {
        let _: () = connection.set(format!("key:{number}"), number).unwrap();
    }
    for number in 0..100 {
        let read: i64 = connection.get(format!("key:{number}")).unwrap();
        assert_eq!(read, number);
    }
    for node in cluster.nodes() {
        let keys: u64 = redis::cmd("DBSIZE").query(&mut connect(node).unwrap()).unwrap();
        assert!(keys > 0, "every shard holds some of the keys");
    }
}

/// The folder in which the process of the next test serves.
const FOLDER: &str = "KAI_BACKENDS_FOLDER";

#[test]
#[ignore = "the other half of the next test, which runs it in a process of its own"]
#[expect(clippy::disallowed_methods, reason = "the folder comes from the process that runs this half")]
fn serve_until_killed() {
    let Ok(dir) = std::env::var(FOLDER) else { return };
    // From a thread that ends at once: the server must not end with it.
    let redis =
        std::thread::spawn(move || Redis::start(dir.as_ref(), &RedisOptions::default()).unwrap()).join().unwrap();
    std::thread::sleep(Duration::from_secs(60));
    drop(redis);
}

#[test]
#[cfg(target_os = "linux")]
fn a_server_ends_with_the_process_that_started_it_even_if_that_is_killed() {
    let dir = folder();
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "redis::serve_until_killed", "--ignored"]).env(FOLDER, dir.path());
    let mut process = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    let pid = wait_for(|| std::fs::read_to_string(dir.path().join("port")).ok().and(read_pid(dir.path())));
    assert!(is_alive(pid));
    process.kill().unwrap();
    process.wait().unwrap();
    wait_for(|| (!is_alive(pid)).then_some(()));
}

fn read_pid(dir: &std::path::Path) -> Option<u32> {
    std::fs::read_to_string(dir.join("pid")).ok()?.trim().parse().ok()
}

fn wait_for<T>(condition: impl Fn() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < end, "it did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}
