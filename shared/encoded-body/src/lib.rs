//! A response body as it is cached and sent: compressed once, with its entity tag.

pub mod gzip;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

/// An immutable body. Its tag is drawn from the uncompressed text, so that it is the same in either encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedBody {
    body: Vec<u8>,
    gzipped: bool,
    etag: [u8; 16],
}

impl EncodedBody {
    /// Serialises a value and compresses it if that is worth it.
    ///
    /// # Errors
    /// When the value's own serialisation fails.
    pub fn new(value: &impl Serialize) -> serde_json::Result<Self> {
        let text = serde_json::to_vec(value)?;
        let etag = tag(&text);
        let packed = (text.len() > gzip::THRESHOLD).then(|| gzip::gzip(&text)).flatten();
        Ok(match packed {
            Some(body) => Self { body, gzipped: true, etag },
            None => Self { body: text, gzipped: false, etag },
        })
    }

    /// A text in UTF-8 that has been compressed before. Its tag is drawn from the compressed bytes: they are the same whoever asks.
    pub fn from_gzip(body: Vec<u8>) -> Self {
        let etag = tag(&body);
        Self { body, gzipped: true, etag }
    }

    /// No body at all.
    pub fn empty() -> Self {
        Self { body: Vec::new(), gzipped: false, etag: [0; 16] }
    }

    /// The entity tag, weak because two encodings share it (RFC 9110 §8.8.1).
    pub fn etag(&self) -> String {
        format!("W/\"{}\"", const_hex::encode(self.etag))
    }

    /// Whether one of the tags of an `If-Match` or `If-None-Match` is this document's, by weak comparison (RFC 9110 §8.8.3.2): two encodings
    /// of it share one tag, and both are the same to whoever reads or changes what it shows.
    pub fn has_tag(&self, tags: &str) -> bool {
        let etag = self.etag();
        let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        tags.trim() == "*" || tags.split(',').any(|tag| opaque(tag) == opaque(&etag))
    }

    /// The body for a client, and whether it is compressed.
    pub fn into_body(self, accepts_gzip: bool) -> (Vec<u8>, bool) {
        if self.gzipped && !accepts_gzip {
            return (gzip::gunzip(&self.body).unwrap_or_default(), false);
        }
        (self.body, self.gzipped)
    }

    /// The value that the body is the text of, or as much of it as the type has room for; `None` when it is something else.
    pub fn parse<T: DeserializeOwned>(&self) -> Option<T> {
        match self.gzipped {
            true => serde_json::from_slice(&gzip::gunzip(&self.body)?).ok(),
            false => serde_json::from_slice(&self.body).ok(),
        }
    }

    /// The document as bytes, for the cache.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&[u8::from(self.gzipped)], self.etag.as_slice(), &self.body].concat()
    }

    /// The document from the cache's bytes, or `None` when they are not one. A text is compared with its tag; what is compressed is not
    /// expanded for that, because it was sealed in one piece.
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
    fn a_document_survives_the_cache() {
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
    fn both_encodings_carry_the_same_text_and_tag() {
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
    fn five_hundred_bytes_are_sent_as_they_are_and_one_more_is_compressed() {
        // Two quotation marks belong to the JSON text.
        assert!(!EncodedBody::new(&"a".repeat(498)).unwrap().into_body(true).1);
        assert!(EncodedBody::new(&"a".repeat(499)).unwrap().into_body(true).1);
    }
}
