//! Redis servers without and with TLS, and a Redis Cluster.

use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use dev_servers::{Redis, RedisCluster, RedisOptions};
use redis::cluster::ClusterClient;
use redis::{Client, Commands as _, ConnectionAddr, IntoConnectionInfo as _, RedisResult, TlsCertificates, cmd};

use crate::{is_alive, server_dir, wait_for};

fn connect(redis: &Redis) -> RedisResult<redis::Connection> {
    Client::open(redis.url())?.get_connection_with_timeout(Duration::from_secs(5))
}

#[test]
fn keys_survive_a_restart_of_the_process_only_if_the_server_is_persistent() {
    let dir = server_dir();
    for persistent in [true, false] {
        let options = RedisOptions { persistent, ..RedisOptions::default() };
        let first = Redis::start(dir.path(), &options).unwrap();
        let _: () = connect(&first).unwrap().set("number", 7).unwrap();
        let (port, pid) = (first.port(), first.pid());
        assert_eq!(Redis::attach(dir.path()), Some(first.url()));
        drop(first);
        assert_eq!(Redis::attach(dir.path()), None);
        assert!(!is_alive(pid), "a dropped server has ended");
        if persistent {
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
fn a_paused_server_does_not_respond_until_it_is_resumed() {
    let dir = server_dir();
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
    let dir = server_dir();
    let redis = Redis::start(dir.path(), &RedisOptions::default()).unwrap();
    let pid = redis.pid();
    redis.pause();
    redis.stop();
    assert!(!is_alive(pid));
}

#[test]
fn a_killed_server_restarts_on_the_same_port() {
    let dir = server_dir();
    let redis = Redis::start(dir.path(), &RedisOptions::default()).unwrap();
    let url = redis.url();
    redis.kill();
    assert!(connect(&redis).is_err());
    redis.restart().unwrap();
    assert_eq!(redis.url(), url);
    assert_eq!(connect(&redis).unwrap().ping::<String>().unwrap(), "PONG");
}

#[test]
fn directives_are_passed_to_the_server() {
    let dir = server_dir();
    let directives = vec![("maxmemory".to_owned(), "12mb".to_owned())];
    let redis = Redis::start(dir.path(), &RedisOptions { directives, ..RedisOptions::default() }).unwrap();
    let value: Vec<String> = cmd("CONFIG").arg("GET").arg("maxmemory").query(&mut connect(&redis).unwrap()).unwrap();
    assert_eq!(value, ["maxmemory", "12582912"]);
}

#[test]
fn with_tls_only_a_client_that_trusts_the_authority_can_connect() {
    // The TLS library requires the program to install a provider of cryptography. A second
    // installation in the same process fails.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let dir = server_dir();
    let redis = Redis::start(dir.path(), &RedisOptions { tls: true, ..RedisOptions::default() }).unwrap();
    assert!(redis.url().starts_with("rediss://127.0.0.1:"));
    let authority = fs::read(redis.ca_file().unwrap()).unwrap();
    let certificates = TlsCertificates { client_tls: None, root_cert: Some(authority) };
    let trusting = Client::build_with_tls(redis.url(), certificates).unwrap();
    assert_eq!(trusting.get_connection().unwrap().ping::<String>().unwrap(), "PONG");
    assert!(connect(&redis).is_err(), "a client does not trust an unknown authority");

    let address = redis.url().into_connection_info().unwrap();
    let ConnectionAddr::TcpTls { host, port, .. } = address.addr() else { panic!("not a TLS address") };
    let plain = Client::open(format!("redis://{host}:{port}")).unwrap();
    assert!(plain.get_connection_with_timeout(Duration::from_secs(5)).is_err(), "a connection without TLS is rejected");
}

#[test]
fn a_cluster_stores_keys_in_every_shard() {
    let dir = server_dir();
    let cluster = RedisCluster::start(dir.path(), 3).unwrap();
    let hosts = cluster.url().strip_prefix("redis-cluster://").unwrap().to_owned();
    let urls: Vec<String> = hosts.split(',').map(|host| format!("redis://{host}")).collect();
    let mut connection = ClusterClient::new(urls).unwrap().get_connection().unwrap();
    for number in 0..100 {
        let _: () = connection.set(format!("key:{number}"), number).unwrap();
    }
    for number in 0..100 {
        let read: i64 = connection.get(format!("key:{number}")).unwrap();
        assert_eq!(read, number);
    }
    for node in cluster.nodes() {
        let keys: u64 = cmd("DBSIZE").query(&mut connect(node).unwrap()).unwrap();
        assert!(keys > 0, "every shard has some of the keys");
    }
}

/// The environment variable with the server's directory for [`serve_until_killed`].
const SERVER_DIR: &str = "KAI_DEV_SERVERS_TEST_DIR";

#[test]
#[ignore = "the next test runs it in a separate process"]
#[expect(clippy::disallowed_methods, reason = "the parent process passes the directory in a variable")]
fn serve_until_killed() {
    let Ok(dir) = env::var(SERVER_DIR) else { return };
    // The server must not end with the thread that starts it.
    let redis = thread::spawn(move || Redis::start(dir.as_ref(), &RedisOptions::default()).unwrap()).join().unwrap();
    // The server runs until the process is killed, or until the parent exits without killing it.
    io::stdin().read_to_end(&mut Vec::new()).unwrap();
    drop(redis);
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_server_ends_with_its_parent_process_even_if_the_parent_is_killed() {
    let dir = server_dir();
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "redis::serve_until_killed", "--ignored"]).env(SERVER_DIR, dir.path());
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    // The file with the port is written when the server is ready.
    let pid = wait_for(async || fs::read_to_string(dir.path().join("port")).ok().and(read_pid(dir.path()))).await;
    assert!(is_alive(pid));
    process.kill().unwrap();
    process.wait().unwrap();
    wait_for(async || (!is_alive(pid)).then_some(())).await;
}

fn read_pid(dir: &Path) -> Option<u32> {
    fs::read_to_string(dir.join("pid")).ok()?.trim().parse().ok()
}
