//! An HTTP client that opens a new connection for each request.
//!
//! There is no connection pool. A pooled connection may be broken after a freeze of the
//! environment, and the servers are called rarely or take seconds to reply. There are no redirects,
//! proxies or cookies either: a request goes only to the server that its URL names.

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

/// Timeout of a connection attempt, including TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The reason why there is no response. It contains no part of the request or the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No connection was established, and nothing was sent.
    #[error("no connection")]
    NoConnection,
    /// The connection broke, or the response is not valid HTTP.
    #[error("the connection failed")]
    Broken,
    /// The body of the response is larger than the limit.
    #[error("the response is too large")]
    TooLarge,
}

/// Sends a request to its absolute URL, and reads a response body of up to `limit` bytes.
///
/// Connecting has a timeout of 3 s. The response has none; the caller sets a deadline.
///
/// # Errors
/// Returns a [`SendError`] if there is no complete response. An HTTP error status is not an error.
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

/// A connection with or without TLS. As a trait object, so that the code above is compiled once.
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
    // The connection is polled here instead of in a task, so that it ends with the response.
    pin!(reply, connection);
    tokio::select! {
        reply = &mut reply => reply,
        // Data that arrived before the connection ended are still to be read.
        _ = &mut connection => reply.await,
    }
}

/// Converts a request to the form for an origin server: the path in the request line, and the host
/// in a header.
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
