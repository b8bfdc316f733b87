//! Reads the bodies of HTTP messages up to a limit.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Body;

/// The maximum number of bytes beyond the limit that are read and discarded. Reading them lets the
/// sender receive the response instead of a connection reset.
const MAX_DISCARDED_BYTES: usize = 32 * 1024 * 1024;

/// Reads a whole body of at most `limit` bytes.
pub(crate) async fn read(mut body: impl Body<Data = Bytes> + Unpin, limit: usize) -> Result<Bytes, BodyError> {
    let announced = body.size_hint().upper().and_then(|length| usize::try_from(length).ok());
    if announced.is_some_and(|length| length > limit.saturating_add(MAX_DISCARDED_BYTES)) {
        return Err(BodyError::TooLarge);
    }
    let mut content = BytesMut::new();
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        length = length.saturating_add(data.len());
        if length <= limit {
            content.extend_from_slice(&data);
        } else if length > limit.saturating_add(MAX_DISCARDED_BYTES) {
            break;
        }
    }
    if length > limit { Err(BodyError::TooLarge) } else { Ok(content.freeze()) }
}

/// The reason why a body could not be read.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// The body is longer than the limit.
    TooLarge,
    /// The connection broke before the end of the body.
    Broken,
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    #[tokio::test]
    async fn a_body_at_the_limit_is_read_and_one_byte_more_is_rejected() {
        let body = |length| Full::new(Bytes::from(vec![7; length]));
        assert_eq!(read(body(10), 10).await.unwrap(), vec![7; 10]);
        assert!(matches!(read(body(11), 10).await, Err(BodyError::TooLarge)));
        assert!(matches!(read(body(MAX_DISCARDED_BYTES + 11), 10).await, Err(BodyError::TooLarge)));
    }
}
