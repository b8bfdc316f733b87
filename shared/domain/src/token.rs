//! Bearer tokens of sessions.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cache::Key;
use jiff::Timestamp;
use secret::SecretKey;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use super::UserId;
use crate::error::{Error, Result};
use crate::families::SESSIONS;

/// A bearer token: `base64url(user id ‖ 32 random bytes)`, 64 characters.
///
/// The user id can be read from the token, so that the requested data can be looked up together
/// with the session. The id proves nothing until the SHA-256 of the token is found. Only that hash
/// is stored.
#[derive(Clone)]
pub struct Token {
    bytes: [u8; 48],
}

/// A new session, which a sign-in or a refresh returns.
#[derive(Clone)]
pub struct Grant {
    /// The bearer token of the session.
    pub token: Token,
    /// When the session expires, unless it is refreshed.
    pub expires_at: Timestamp,
}

impl Serialize for Grant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Grant", 3)?;
        object.serialize_field("access_token", &self.token.expose())?;
        object.serialize_field("token_type", "bearer")?;
        object.serialize_field("expires_at", &self.expires_at)?;
        object.end()
    }
}

impl PartialSchema for Grant {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let token = text().description(Some("The bearer token, for the header `Authorization: Bearer …`."));
        let token = token.pattern(Some("^[A-Za-z0-9_-]{64}$"));
        let kind = text().description(Some("Always `bearer`.")).enum_values(Some(["bearer"]));
        let end = text().description(Some("When the session expires, unless it is refreshed."));
        let object = ObjectBuilder::new()
            .description(Some("A new session."))
            .property("access_token", token)
            .property("token_type", kind)
            .property("expires_at", end.format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))));
        ["access_token", "token_type", "expires_at"].into_iter().fold(object, ObjectBuilder::required).into()
    }
}

impl ToSchema for Grant {}

impl Token {
    pub(super) fn issue(user: UserId) -> Result<Self> {
        let mut bytes = [0; 48];
        let (owner, secret) = bytes.split_at_mut(16);
        owner.copy_from_slice(user.0.as_bytes());
        getrandom::fill(secret).map_err(Error::internal)?;
        Ok(Self { bytes })
    }

    /// Derives the token of a session that was opened under an `Idempotency-Key`.
    ///
    /// The same input gives the same token. The token depends on this service's secret, so that the
    /// key and the stored data do not reveal it.
    pub(super) fn derive(secret: &SecretKey, user: UserId, session: Uuid, key_hash: &[u8]) -> Self {
        let mut bytes = [0; 48];
        let (owner, derived) = bytes.split_at_mut(16);
        owner.copy_from_slice(user.0.as_bytes());
        derived.copy_from_slice(&secret.hmac(&[b"token", owner, session.as_bytes(), key_hash]));
        Self { bytes }
    }

    /// Parses a token. Returns `None` if the text is malformed.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        Some(Self { bytes })
    }

    /// Returns the text that the client stores.
    pub fn expose(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes)
    }

    /// Returns the user id in the token, which is not verified.
    pub fn user_id(&self) -> UserId {
        let owner = self.bytes.first_chunk().copied().unwrap_or_default();
        UserId(Uuid::from_bytes(owner))
    }

    /// Checks that the user named in a path, a query or a body, if any, is the user of the token.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if it is another user.
    pub fn must_belong_to(&self, user: Option<UserId>) -> Result<()> {
        if user.is_none_or(|user| user == self.user_id()) { Ok(()) } else { Err(Error::Forbidden) }
    }

    pub(super) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.bytes).into()
    }

    pub(super) fn session_key(&self) -> Key {
        SESSIONS.key(self.user_id().0, format!("session:{}", const_hex::encode(self.hash())))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_token_contains_its_owner_and_is_parsed_from_its_text() {
        let user = UserId(Uuid::now_v7());
        let token = Token::issue(user).unwrap();
        let text = token.expose();
        assert_eq!(text.len(), 64);
        let read = Token::parse(&text).unwrap();
        assert_eq!((read.user_id(), read.hash()), (user, token.hash()));
        assert_ne!(Token::issue(user).unwrap().expose(), text);
    }

    #[test]
    fn a_malformed_token_is_rejected() {
        for text in ["", "abc", &"A".repeat(63), &"A".repeat(65), &"A".repeat(68), &"=".repeat(64), &"é".repeat(32)] {
            assert!(Token::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_keys_are_named_as_documented() {
        let user = UserId(Uuid::nil());
        let token = Token { bytes: [0; 48] };
        let key = token.session_key();
        assert_eq!(key.guard(), format!("session:{user}:guard"));
        assert_eq!(key.record().len(), "session:".len() + 64);
        assert_eq!(key.ttl(), Duration::from_secs(300));
    }
}
