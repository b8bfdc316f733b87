//! Sealed records, as Redis stores them: encrypted with AES-256-GCM-SIV (RFC 8452), and bound to
//! their name and generation.
//!
//! ```text
//! "K1"  sealed at (ms, 8 bytes BE)  nonce (12)  ciphertext and tag
//! └──────────── header ───────────┘
//! ```
//!
//! The associated data are the header, the generation and the name of the record. A record cannot
//! be opened if it was moved to another name, filled under another generation, truncated or
//! altered, or if it has another format. It is then a miss.
//!
//! The cipher is AES-GCM-SIV, because it tolerates a random nonce that happens to repeat. The
//! repetition only reveals whether two records are equal.

use aes_gcm_siv::aead::{Aead as _, AeadInOut as _, KeyInit as _, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use jiff::Timestamp;
use secret::SecretKey;

use super::Key;

const MAGIC: &[u8; 2] = b"K1";
const HEADER: usize = MAGIC.len() + 8;
const NONCE: usize = 12;
/// The maximum difference between the clocks of two processes, in milliseconds. A record that is
/// further in the future is not opened.
const CLOCK_SKEW_MS: i64 = 60_000;

/// A cipher that seals and opens records.
pub struct RecordCipher {
    cipher: Aes256GcmSiv,
}

impl RecordCipher {
    /// Creates a cipher with a key that is derived from the cache's key.
    pub fn new(key: &SecretKey) -> Self {
        Self { cipher: Aes256GcmSiv::new(key.derive("cache record").expose().into()) }
    }

    /// Seals a body for one key and generation. `at` is the time from which the record's age is
    /// counted. Returns `None` if the system's random number generator fails.
    pub fn seal(&self, key: &Key, generation: &[u8; 16], at: Timestamp, body: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).ok()?;
        let mut sealed = Vec::with_capacity(HEADER + NONCE + body.len() + 16);
        sealed.extend_from_slice(MAGIC);
        sealed.extend_from_slice(&at.as_millisecond().to_be_bytes());
        let aad = associated_data(&sealed, generation, key);
        let ciphertext = self.cipher.encrypt(&Nonce::from(nonce), Payload { msg: body, aad: &aad }).ok()?;
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&ciphertext);
        Some(sealed)
    }

    /// Opens a record. Returns `None` for bytes that were not sealed for this key and generation
    /// within the key's time to live.
    pub fn open(&self, key: &Key, generation: &[u8; 16], mut sealed: Vec<u8>) -> Option<Vec<u8>> {
        let (header, rest) = sealed.split_at_checked(HEADER)?;
        let (nonce, _) = rest.split_first_chunk::<NONCE>()?;
        let sealed_at = i64::from_be_bytes(header.strip_prefix(MAGIC)?.try_into().ok()?);
        // Redis expires records, too. But the time to live there begins late if the process was
        // frozen before it sent the record.
        let age = Timestamp::now().as_millisecond().checked_sub(sealed_at)?;
        if age < -CLOCK_SKEW_MS || age > i64::try_from(key.ttl().as_millis()).ok()? {
            return None;
        }
        let aad = associated_data(header, generation, key);
        let nonce = Nonce::from(*nonce);
        sealed.drain(..HEADER + NONCE);
        self.cipher.decrypt_in_place(&nonce, &aad, &mut sealed).ok()?;
        Some(sealed)
    }
}

fn associated_data(header: &[u8], generation: &[u8; 16], key: &Key) -> Vec<u8> {
    [header, generation, key.record().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::Family;

    const FAMILY: Family = Family { prefix: "thing", ttl: Duration::from_secs(300) };

    fn key(name: &str) -> Key {
        FAMILY.key(Uuid::nil(), name.to_owned())
    }

    fn cipher() -> RecordCipher {
        RecordCipher::new(&SecretKey::new([7; 32]))
    }

    #[test]
    fn a_sealed_body_is_unreadable_until_it_is_opened() {
        let body = b"I slept badly again";
        let sealed = cipher().seal(&key("a"), &[1; 16], Timestamp::now(), body).unwrap();
        assert!(!sealed.windows(5).any(|window| window == b"slept"));
        assert_eq!(cipher().open(&key("a"), &[1; 16], sealed).as_deref(), Some(body.as_slice()));
    }

    #[test]
    fn another_key_generation_or_secret_does_not_open_a_record() {
        let sealed = cipher().seal(&key("a"), &[1; 16], Timestamp::now(), b"body").unwrap();
        assert_eq!(cipher().open(&key("b"), &[1; 16], sealed.clone()), None);
        assert_eq!(cipher().open(&key("a"), &[2; 16], sealed.clone()), None);
        assert_eq!(RecordCipher::new(&SecretKey::new([8; 32])).open(&key("a"), &[1; 16], sealed), None);
    }

    #[test]
    fn a_truncated_record_or_one_with_a_flipped_bit_is_not_opened() {
        let sealed = cipher().seal(&key("a"), &[1; 16], Timestamp::now(), b"body").unwrap();
        for length in 0..sealed.len() {
            assert_eq!(cipher().open(&key("a"), &[1; 16], sealed[..length].to_vec()), None, "cut to {length}");
        }
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(cipher().open(&key("a"), &[1; 16], flipped), None, "bit {bit}");
        }
    }

    #[test]
    fn a_record_older_than_its_time_to_live_is_not_opened() {
        let brief = Family { ttl: Duration::ZERO, ..FAMILY }.key(Uuid::nil(), "a".to_owned());
        let sealed = cipher().seal(&brief, &[1; 16], Timestamp::now(), b"body").unwrap();
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(cipher().open(&brief, &[1; 16], sealed), None);
    }
}
