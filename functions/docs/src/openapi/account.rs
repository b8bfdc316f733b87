//! Accounts and sessions.

#![expect(dead_code, reason = "only the schemas of the requests are used")]

use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::ComponentsBuilder;
use utoipa::openapi::path::HttpMethod::{Delete, Get, Post};

use super::operation::Operation;
use super::parameter::{cursor, query, text};
use super::{ENTRY_ID, NEXT_CURSOR, PROFILE_ID, SESSION_ID, USER_ID, journal, profile, referred};

/// Who wants to have an account.
#[derive(ToSchema)]
pub(super) struct Registration {
    /// One `@` with up to 64 bytes before it, a domain with a dot after it, no spaces. It is kept in lower case.
    #[schema(max_length = 254, format = "email", pattern = "^[^@\\s]{1,64}@[^@\\s.]+(\\.[^@\\s.]+)+$")]
    email: String,
    /// Any characters.
    #[schema(min_length = 8, max_length = 128, format = Password)]
    password: String,
}

/// Who wants to sign in.
#[derive(ToSchema)]
pub(super) struct Login {
    /// As it was registered, in upper or lower case.
    #[schema(max_length = 254, format = "email", pattern = "^[^@\\s]{1,64}@[^@\\s.]+(\\.[^@\\s.]+)+$")]
    email: String,
    #[schema(min_length = 1, max_length = 128, format = Password)]
    password: String,
}

/// A password and another one in its place.
#[derive(ToSchema)]
pub(super) struct PasswordChange {
    /// The present one.
    #[schema(min_length = 1, max_length = 128, format = Password)]
    old_password: String,
    /// The new one: any characters.
    #[schema(min_length = 8, max_length = 128, format = Password)]
    new_password: String,
}

/// That it is done.
#[derive(ToSchema)]
pub(super) struct Message {
    /// For people.
    message: String,
}

pub(super) fn components(components: ComponentsBuilder) -> ComponentsBuilder {
    let schemas = [
        referred::<Registration>,
        referred::<Login>,
        referred::<PasswordChange>,
        referred::<Message>,
        referred::<shared::domain::Account>,
        referred::<shared::domain::Grant>,
        referred::<shared::domain::Export>,
    ];
    schemas.into_iter().fold(components, |components, add| add(components))
}

pub(super) fn operations() -> Vec<Operation> {
    let tag = "accounts";
    vec![
        Operation::new(Post, "/api/auth/register", "auth-register", tag)
            .about("Open an account", "Opens an account with an empty profile. It does not sign in: log in next.")
            .open()
            .writes()
            .body::<Registration>("Who.", [("account", "An account", credentials())])
            .fails_with(&["email_taken"])
            .answers(201, "The account.", "Account", [("account", "A new account", account())]),
        Operation::new(Post, "/api/auth/login", "auth-login", tag)
            .about(
                "Sign in",
                "Opens a session. The token is good for 30 days, and for 30 more with each refresh, up to 180 days after the log-in. After \
                10 failed attempts within 15 minutes for one account from one place, or 100 from anywhere, the answer is 429.",
            )
            .open()
            .writes()
            .body::<Login>("Who.", [("account", "An account", credentials())])
            .fails_with(&["wrong_credentials", "rate_limited"])
            .answers(200, "The session.", "Grant", [("session", "A new session", grant())]),
        Operation::new(Post, "/api/auth/refresh", "auth-refresh", tag)
            .about("Stay signed in", "Opens another session in the place of the caller's, whose token dies.")
            .signed_in()
            .writes()
            .answers(200, "The new session.", "Grant", [("session", "A new session", grant())]),
        Operation::new(Post, "/api/auth/logout", "auth-logout", tag)
            .about(
                "Sign out",
                "Ends every session of the account, or with `scope=this` the caller's own. Success means that no token of an ended session \
                is accepted any more; a 503 that they are over and it is not yet known everywhere, which takes a minute at most.",
            )
            .signed_in()
            .writes()
            .parameter(query("scope", "Which sessions.", text().enum_values(Some(["all", "this"])).default(Some(json!("all"))), "this"))
            .answers(200, "They are over.", "Message", [("done", "Signed out", json!({"message": "Successfully logged out"}))]),
        Operation::new(Get, "/api/auth/me", "auth-me", tag)
            .about("Read the account", "The account that the token belongs to.")
            .signed_in()
            .cacheable()
            .answers(200, "The account.", "Account", [("account", "An account", account())]),
        Operation::new(Post, "/api/auth/change-password", "auth-password", tag)
            .about(
                "Change the password",
                "Ends every session of the account, the caller's too: sign in with the new password next. A wrong `old_password` is \
                `invalid_fields`, and counts as a failed attempt to sign in.",
            )
            .signed_in()
            .writes()
            .body::<PasswordChange>("Both passwords.", [(
                "change",
                "Another password",
                json!({"old_password": "nine quiet herons", "new_password": "eleven quiet herons"}),
            )])
            .fails_with(&["rate_limited"])
            .answers(200, "It is changed.", "Message", [(
                "done",
                "Changed",
                json!({"message": "Password changed; sign in again"}),
            )]),
        Operation::new(Get, "/api/account", "account-export", tag)
            .about(
                "Export everything",
                "Everything that is kept of the caller, fifty entries of the journal at a time: pass `next_cursor` as `cursor` until it is null.",
            )
            .signed_in()
            .parameter(query("cursor", "The `next_cursor` of the page before.", cursor(), NEXT_CURSOR))
            .answers(200, "One page.", "Export", [("page", "The last page", export())]),
        Operation::new(Delete, "/api/account", "account-delete", tag)
            .about(
                "Delete the account",
                "Deletes the account with everything in it, for good. The same token may repeat it for a day.",
            )
            .signed_in()
            .writes()
            .answers_nothing("Account, profile, entries, conversations and sessions are gone."),
    ]
}

fn credentials() -> Value {
    json!({"email": "mara@example.org", "password": "nine quiet herons"})
}

fn account() -> Value {
    json!({
        "id": USER_ID, "email": "mara@example.org", "is_active": true,
        "created_at": "2026-11-02T08:16:04.512031Z", "updated_at": "2026-11-02T08:16:04.512031Z"
    })
}

fn grant() -> Value {
    json!({
        "access_token": "AZLwwXo7fE2OXxAhMkNUZQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
        "token_type": "bearer",
        "expires_at": "2026-12-02T08:16:04.512031Z"
    })
}

fn export() -> Value {
    json!({
        "exported_at": "2026-11-03T19:02:41.201394Z",
        "account": account(),
        "profile": profile::example(PROFILE_ID),
        "sessions": [{
            "id": SESSION_ID, "signed_in_at": "2026-11-02T08:16:04.512031Z", "created_at": "2026-11-02T08:16:04.512031Z",
            "expires_at": "2026-12-02T08:16:04.512031Z", "revoked_at": null
        }],
        "journal_entries": [journal::example(ENTRY_ID)],
        "journal_entries_total": 1, "messages": [],
        "next_cursor": null
    })
}
