//! Tests of [`Proxy`] itself. A proxy that missed traffic would make other tests succeed wrongly.

use std::io::ErrorKind;
use std::thread;
use std::time::Duration;

use api_tests::{Protocol, Proxy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::timeout;

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

/// Starts a server that responds to each read with `+PONG`, and returns its port.
async fn pong_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let listener = listener.into_std().unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            let mut connections = JoinSet::new();
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

/// The time limit for a response on a busy machine.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
/// The time for which there must be no response.
const SILENCE: Duration = Duration::from_millis(200);

/// Sends a command. Returns whether there is a response within `limit`.
async fn ping(stream: &mut TcpStream, limit: Duration) -> bool {
    let mut buffer = [0; 64];
    stream.write_all(PING).await.is_ok() && matches!(timeout(limit, stream.read(&mut buffer)).await, Ok(Ok(1..)))
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap()
}

#[tokio::test]
async fn the_proxy_counts_each_round_trip_and_each_command() {
    let proxy = Proxy::start(pong_server().await, Protocol::Redis).await;
    let mut stream = connect(&proxy).await;
    stream.write_all(&[PING, PING].concat()).await.unwrap();
    assert_eq!(stream.read(&mut [0; 64]).await.unwrap(), 7, "the server reads both commands at once and responds once");
    let pipelined = proxy.take_traffic();
    assert_eq!((pipelined.connections, pipelined.round_trips, pipelined.count("PING")), (1, 1, 2), "{pipelined:?}");
    assert!(ping(&mut stream, RESPONSE_TIMEOUT).await && ping(&mut stream, RESPONSE_TIMEOUT).await);
    let sequential = proxy.take_traffic();
    assert_eq!((sequential.connections, sequential.round_trips, sequential.count("PING")), (0, 2, 2), "{sequential:?}");
}

#[tokio::test]
async fn a_silent_disconnect_leaves_the_connection_open_but_dead_and_new_ones_work() {
    let proxy = Proxy::start(pong_server().await, Protocol::Redis).await;
    let mut old = connect(&proxy).await;
    assert!(ping(&mut old, RESPONSE_TIMEOUT).await);
    proxy.disconnect_silently();
    let mut buffer = [0; 64];
    old.write_all(PING).await.unwrap();
    assert!(timeout(SILENCE, old.read(&mut buffer)).await.is_err(), "there was a response, or the connection ended");
    assert!(ping(&mut connect(&proxy).await, RESPONSE_TIMEOUT).await);
    proxy.heal().await;
    assert!(!ping(&mut old, SILENCE).await, "a disconnected connection stays dead");
}

#[tokio::test]
async fn a_refusing_proxy_resets_open_connections_and_recovers_on_the_same_port() {
    let proxy = Proxy::start(pong_server().await, Protocol::Redis).await;
    let mut old = connect(&proxy).await;
    assert!(ping(&mut old, RESPONSE_TIMEOUT).await);
    proxy.refuse().await;
    let error = old.read(&mut [0; 64]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let refused = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    proxy.heal().await;
    assert!(ping(&mut connect(&proxy).await, RESPONSE_TIMEOUT).await);
}
