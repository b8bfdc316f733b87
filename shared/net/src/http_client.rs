//! One HTTP request to somebody else, over a connection of its own.
//!
//! A connection that was kept may have died while the environment was frozen, and whoever is asked this way is asked rarely or takes seconds. So there
//! is no pool; nor are there redirects, proxies or cookies: a request goes where it says, or nowhere.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, HeaderValue};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::pin;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::tls;

/// A connection must be there within this time, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Why there is no reply. Holds nothing that was sent or received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No connection came about: nothing was sent.
    #[error("no connection")]
    NoConnection,
    /// It broke, or what came over it was no HTTP.
    #[error("the connection failed")]
    Broken,
    /// The reply is larger than what is read.
    #[error("the reply is too large")]
    TooLarge,
}

/// Sends a request to the absolute URL that it names, and reads up to `limit` bytes of the reply. Waits for as long as it takes, once it is connected.
///
/// # Errors
/// [`SendError`] tells why there is no reply. A status of any kind is one.
pub async fn send(request: Request<Vec<u8>>, limit: usize) -> Result<Response<Bytes>, SendError> {
    let uri = request.uri().clone();
    let tls = uri.scheme_str() != Some("http");
    let host = uri.host().ok_or(SendError::NoConnection)?.trim_matches(['[', ']']);
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let connecting = async {
        let stream = TcpStream::connect((host, port)).await.map_err(|_| SendError::NoConnection)?;
        stream.set_nodelay(true).map_err(|_| SendError::NoConnection)?;
        if !tls {
            return Ok(Box::new(stream) as Box<dyn Stream>);
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|_| SendError::NoConnection)?;
        let stream = connector()?.connect(name, stream).await.map_err(|_| SendError::NoConnection)?;
        Ok(Box::new(stream) as Box<dyn Stream>)
    };
    let stream = timeout(CONNECT_TIMEOUT, connecting).await.unwrap_or(Err(SendError::NoConnection))?;
    exchange(stream, &uri, request, limit).await
}

/// With TLS or without: what is above is in the function once.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

fn connector() -> Result<TlsConnector, SendError> {
    static CONFIG: OnceLock<Option<Arc<rustls::ClientConfig>>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| tls::config([]).map(Arc::new));
    config.clone().map(TlsConnector::from).ok_or(SendError::NoConnection)
}

async fn exchange(
    stream: Box<dyn Stream>,
    uri: &Uri,
    request: Request<Vec<u8>>,
    limit: usize,
) -> Result<Response<Bytes>, SendError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| SendError::Broken)?;
    let reply = async move {
        let response = sender.send_request(prepared(uri, request)?).await.map_err(|_| SendError::Broken)?;
        let (head, body) = response.into_parts();
        Ok(Response::from_parts(head, read(body, limit).await?))
    };
    // The connection is driven here rather than in a task: it ends with the reply.
    pin!(reply, connection);
    tokio::select! {
        reply = &mut reply => reply,
        // What came before its end is still to be read.
        _ = &mut connection => reply.await,
    }
}

/// The request as it is sent to the server itself rather than to a proxy.
fn prepared(uri: &Uri, request: Request<Vec<u8>>) -> Result<Request<Full<Bytes>>, SendError> {
    let mut request = request.map(|body| Full::new(body.into()));
    let authority = uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    let path = uri.path_and_query().and_then(|path| path.as_str().parse().ok());
    *request.uri_mut() = path.ok_or(SendError::NoConnection)?;
    request.headers_mut().insert(HOST, authority.ok_or(SendError::NoConnection)?);
    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    Ok(request)
}

async fn read(mut body: Incoming, limit: usize) -> Result<Bytes, SendError> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| SendError::Broken)?.into_data() else { continue };
        if whole.len() + data.len() > limit {
            return Err(SendError::TooLarge);
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.into())
}
