//! Response bodies as they are cached and sent: compressed once, with their entity tag.

pub mod gzip;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

/// An immutable response body with its entity tag. Both encodings, gzip and identity, have the same
/// tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedBody {
    body: Vec<u8>,
    gzipped: bool,
    etag: [u8; 16],
}

impl EncodedBody {
    /// Serializes a value as JSON, and compresses it if it is longer than [`gzip::THRESHOLD`]. The
    /// tag is computed from the uncompressed text.
    ///
    /// # Errors
    /// Returns an error if the value cannot be serialized.
    pub fn new(value: &impl Serialize) -> serde_json::Result<Self> {
        let text = serde_json::to_vec(value)?;
        let etag = tag(&text);
        let packed = (text.len() > gzip::THRESHOLD).then(|| gzip::gzip(&text)).flatten();
        Ok(match packed {
            Some(body) => Self { body, gzipped: true, etag },
            None => Self { body: text, gzipped: false, etag },
        })
    }

    /// Wraps a UTF-8 text that is already compressed. The tag is computed from the compressed
    /// bytes, which are the same for every client.
    pub fn from_gzip(body: Vec<u8>) -> Self {
        let etag = tag(&body);
        Self { body, gzipped: true, etag }
    }

    /// Returns a body without content.
    pub fn empty() -> Self {
        Self { body: Vec::new(), gzipped: false, etag: [0; 16] }
    }

    /// Returns the entity tag, such as `W/"0123…"`. It is weak because two encodings share it (RFC
    /// 9110 §8.8.1).
    pub fn etag(&self) -> String {
        format!("W/\"{}\"", const_hex::encode(self.etag))
    }

    /// Whether the value of an `If-Match` or `If-None-Match` header contains the tag of this body,
    /// or is `*`.
    ///
    /// The comparison is weak (RFC 9110 §8.8.3.2): two encodings share a tag, and both represent
    /// the same data.
    pub fn has_tag(&self, tags: &str) -> bool {
        let etag = self.etag();
        let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        tags.trim() == "*" || tags.split(',').any(|tag| opaque(tag) == opaque(&etag))
    }

    /// Returns the body for a client, and whether it is compressed.
    pub fn into_body(self, accepts_gzip: bool) -> (Vec<u8>, bool) {
        if self.gzipped && !accepts_gzip {
            return (gzip::gunzip(&self.body).unwrap_or_default(), false);
        }
        (self.body, self.gzipped)
    }

    /// Parses the body as JSON. Members that the type does not have are ignored. Returns `None` if
    /// the body is not a value of the type.
    pub fn parse<T: DeserializeOwned>(&self) -> Option<T> {
        match self.gzipped {
            true => serde_json::from_slice(&gzip::gunzip(&self.body)?).ok(),
            false => serde_json::from_slice(&self.body).ok(),
        }
    }

    /// Returns the body with its tag and encoding as bytes, for the cache.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&[u8::from(self.gzipped)], self.etag.as_slice(), &self.body].concat()
    }

    /// Reads a body from the bytes of [`to_bytes`](Self::to_bytes). Returns `None` if they are
    /// malformed.
    ///
    /// The tag of an uncompressed text is verified. A compressed body is not decompressed to verify
    /// its tag, because the cache seals each record as a whole.
    pub fn from_bytes(mut bytes: Vec<u8>) -> Option<Self> {
        let (flag, rest) = bytes.split_first()?;
        let (etag, body) = rest.split_first_chunk::<16>()?;
        let gzipped = match flag {
            0 if tag(body) == *etag && std::str::from_utf8(body).is_ok() => false,
            1 if gzip::is_gzip(body) => true,
            _ => return None,
        };
        let etag = *etag;
        bytes.drain(..17);
        Some(Self { body: bytes, gzipped, etag })
    }
}

fn tag(bytes: &[u8]) -> [u8; 16] {
    let mut etag = [0; 16];
    etag.iter_mut().zip(Sha256::digest(bytes)).for_each(|(to, from)| *to = from);
    etag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_survives_the_cache() {
        for text in ["short".to_owned(), "long ".repeat(1000)] {
            let document = EncodedBody::new(&text).unwrap();
            assert_eq!(EncodedBody::from_bytes(document.to_bytes()), Some(document.clone()));
            assert_eq!(document.parse(), Some(text));
            assert_eq!(document.parse::<u8>(), None);
        }
        assert_eq!(EncodedBody::from_bytes(vec![7; 40]), None);
        assert_eq!(EncodedBody::from_bytes(vec![1; 10]), None);
    }

    #[test]
    fn both_encodings_have_the_same_text_and_tag() {
        let text = "long ".repeat(1000);
        let document = EncodedBody::new(&text).unwrap();
        let etag = document.etag();
        let (packed, gzipped) = document.clone().into_body(true);
        assert!(gzipped);
        let (plain, gzipped) = document.clone().into_body(false);
        assert!(!gzipped);
        assert_eq!(gzip::gunzip(&packed).unwrap(), plain);
        assert_eq!(etag, document.etag());
        assert!(etag.starts_with("W/\"") && etag.len() == 36);
    }

    #[test]
    fn only_a_body_of_more_than_500_bytes_is_compressed() {
        // The JSON text has two quotation marks.
        assert!(!EncodedBody::new(&"a".repeat(498)).unwrap().into_body(true).1);
        assert!(EncodedBody::new(&"a".repeat(499)).unwrap().into_body(true).1);
    }
}
