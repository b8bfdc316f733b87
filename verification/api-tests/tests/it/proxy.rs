//! The instruments themselves: a counter that cannot see is worse than none.

use std::time::Duration;

use api_tests::{Protocol, Proxy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

/// A server that answers each read with `+PONG`.
async fn ponger() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = listener.into_std().unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                connections.spawn(async move {
                    let mut buffer = [0; 1024];
                    while let Ok(1..) = stream.read(&mut buffer).await {
                        stream.write_all(b"+PONG\r\n").await.unwrap();
                    }
                });
            }
        });
    });
    port
}

async fn ping(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 64];
    stream.write_all(PING).await.is_ok()
        && matches!(timeout(Duration::from_millis(200), stream.read(&mut buffer)).await, Ok(Ok(1..)))
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap()
}

#[tokio::test]
async fn the_proxy_counts_each_round_trip_and_each_command() {
    let proxy = Proxy::start(ponger().await, Protocol::Redis).await;
    let mut stream = connect(&proxy).await;
    stream.write_all(&[PING, PING].concat()).await.unwrap();
    assert_eq!(stream.read(&mut [0; 64]).await.unwrap(), 7, "one read by the server, one answer");
    let together = proxy.take_traffic();
    assert_eq!((together.connections, together.round_trips, together.count("PING")), (1, 1, 2), "{together:?}");
    assert!(ping(&mut stream).await && ping(&mut stream).await);
    let apart = proxy.take_traffic();
    assert_eq!((apart.connections, apart.round_trips, apart.count("PING")), (0, 2, 2), "{apart:?}");
}

#[tokio::test]
async fn a_silent_disconnect_leaves_the_connection_open_but_dead_and_new_ones_work() {
    let proxy = Proxy::start(ponger().await, Protocol::Redis).await;
    let mut old = connect(&proxy).await;
    assert!(ping(&mut old).await);
    proxy.disconnect_silently();
    let mut buffer = [0; 64];
    old.write_all(PING).await.unwrap();
    assert!(timeout(Duration::from_millis(200), old.read(&mut buffer)).await.is_err(), "an answer or an end");
    assert!(ping(&mut connect(&proxy).await).await);
    proxy.heal().await;
    assert!(!ping(&mut old).await, "what was cut stays dead");
}

#[tokio::test]
async fn a_refusing_proxy_resets_open_connections_and_recovers_on_the_same_port() {
    let proxy = Proxy::start(ponger().await, Protocol::Redis).await;
    let mut old = connect(&proxy).await;
    assert!(ping(&mut old).await);
    proxy.refuse().await;
    let error = old.read(&mut [0; 64]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let refused = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    proxy.heal().await;
    assert!(ping(&mut connect(&proxy).await).await);
}
