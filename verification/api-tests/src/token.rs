//! Session tokens and their hashes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Generates a token for a user. Returns the token and the hash that the database stores.
pub fn new_token(user: Uuid) -> (String, Vec<u8>) {
    let mut token = [0; 48];
    let (owner, secret) = token.split_at_mut(16);
    owner.copy_from_slice(user.as_bytes());
    getrandom::fill(secret).expect("the operating system provides random bytes");
    (URL_SAFE_NO_PAD.encode(token), Sha256::digest(token).to_vec())
}

/// Returns the hash of a token that the database stores.
pub fn token_hash(token: &str) -> Vec<u8> {
    Sha256::digest(URL_SAFE_NO_PAD.decode(token).expect("the token is base64")).to_vec()
}
