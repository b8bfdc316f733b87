//! The users whose sessions are revoked, and the ways to revoke them.

use sha2::{Digest as _, Sha256};
use shared::domain::{Credentials, RevocationScope, Token};
use shared::{AppState, Error};
use uuid::Uuid;

use crate::kai::Kai;

/// The password hash of the accounts. The tests do not sign in with it, and computing a real hash
/// would take longer than everything else.
const PASSWORD_HASH: &str = "not a hash";

/// A way to revoke sessions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Ending {
    SignOut,
    SignOutHere,
    PasswordChange,
    Deletion,
}

pub(crate) const ENDINGS: [Ending; 4] =
    [Ending::SignOut, Ending::SignOutHere, Ending::PasswordChange, Ending::Deletion];

/// A user with one or two sessions.
pub(crate) struct Someone {
    pub(crate) ending: Ending,
    /// The token that revokes the sessions.
    pub(crate) here: Token,
    pub(crate) elsewhere: Option<Token>,
}

/// The response to a revocation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Told {
    /// The revocation is acknowledged.
    Empty,
    /// The response is 503: some environments may still accept the token.
    Unavailable,
}

fn token(user: Uuid) -> ([u8; 48], Token) {
    let mut bytes = [0; 48];
    bytes[..16].copy_from_slice(user.as_bytes());
    getrandom::fill(&mut bytes[16..]).unwrap();
    use base64::Engine as _;
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    (bytes, Token::parse(&text).unwrap())
}

impl Someone {
    /// Creates this number of users and their sessions.
    pub(crate) async fn settle(kai: &Kai, number: usize) -> Vec<Self> {
        let (mut people, mut users, mut sessions) = (Vec::new(), Vec::new(), Vec::new());
        for index in 0..number {
            let user = Uuid::now_v7();
            users.push(format!("('{user}', '{user}@example.org', '{PASSWORD_HASH}')"));
            // A quarter of the users of each kind have another session.
            let tokens = [Some(token(user)), (index / ENDINGS.len()).is_multiple_of(4).then(|| token(user))];
            for (bytes, _) in tokens.iter().flatten() {
                let hash = const_hex::encode(Sha256::digest(bytes));
                sessions.push(format!("('{}', '{user}', '\\x{hash}', now() + interval '1 day')", Uuid::now_v7()));
            }
            let [Some((_, here)), elsewhere] = tokens else { unreachable!("every user has a session") };
            let elsewhere = elsewhere.map(|(_, token)| token);
            people.push(Self { ending: ENDINGS[index % ENDINGS.len()], here, elsewhere });
        }
        kai.run(&format!(
            "INSERT INTO users (id, email, password_hash) VALUES {};
            INSERT INTO user_profiles (id, user_id) SELECT id, id FROM users ON CONFLICT DO NOTHING;
            INSERT INTO sessions (id, user_id, token_hash, expires_at) VALUES {}",
            users.join(", "),
            sessions.join(", ")
        ))
        .await;
        people
    }

    pub(crate) fn sessions(&self) -> impl Iterator<Item = &Token> {
        [&self.here].into_iter().chain(&self.elsewhere)
    }

    /// Returns the sessions that the revocation ends.
    pub(crate) fn ended(&self) -> impl Iterator<Item = &Token> {
        self.sessions().take(if self.ending == Ending::SignOutHere { 1 } else { 2 })
    }

    /// Revokes the sessions in this environment.
    pub(crate) async fn end(&self, state: &AppState) -> Told {
        let token = &self.here;
        let outcome = match self.ending {
            Ending::SignOut => state.store.sessions().revoke(token, RevocationScope::All, None).await,
            Ending::SignOutHere => state.store.sessions().revoke(token, RevocationScope::This, None).await,
            Ending::PasswordChange => {
                let verified = Credentials { user: token.user_id(), password_hash: PASSWORD_HASH.to_owned() };
                state.store.accounts().change_password(token, &verified, "another", None).await
            }
            Ending::Deletion => state.store.accounts().delete(token).await,
        };
        match outcome {
            Ok(()) => Told::Empty,
            Err(Error::Unavailable { .. }) => Told::Unavailable,
            Err(error) => panic!("{:?}: {error:?}", self.ending),
        }
    }
}

/// Returns whether an environment accepts this token. Any other error is a defect, because the
/// database is always available.
pub(crate) async fn is_accepted(state: &AppState, token: &Token) -> bool {
    match state.store.sessions().current(token).await {
        Ok(_) => true,
        Err(Error::Unauthenticated(_)) => false,
        Err(error) => panic!("{error:?}"),
    }
}
