//! Examples of accounts and sessions.

use serde_json::{Value, json};
use shared::domain::{Account, Entry, Profile};

use super::{Example, Examples, NEXT_CURSOR, example_of};

const SESSION_ID: &str = "0192f0c1-9d02-7b11-a0c4-5b6a79880917";

pub(super) fn examples(operation_id: &str) -> Option<Examples> {
    let session = || Example::new("session", "A new session", grant());
    let done = |summary, message: &str| Example::new("done", summary, json!({"message": message}));
    Some(match operation_id {
        "auth-register" => Examples::default().body([Example::new("account", "Credentials", credentials())]),
        "auth-login" => {
            Examples::response("200", [session()]).body([Example::new("account", "Credentials", credentials())])
        }
        "auth-refresh" => Examples::response("200", [session()]),
        "auth-logout" => Examples::response("200", [done("Signed out", "Successfully logged out")])
            .parameters([("scope", json!("this"))]),
        "auth-password" => Examples::response("200", [done("Password changed", "Password changed; sign in again")])
            .body([Example::new(
                "change",
                "A new password",
                json!({"old_password": "nine quiet herons", "new_password": "eleven quiet herons"}),
            )]),
        "account-export" => Examples::response("200", [Example::new("page", "The last page", export())])
            .parameters([("cursor", json!(NEXT_CURSOR))]),
        _ => return None,
    })
}

fn credentials() -> Value {
    json!({"email": "mara@example.org", "password": "nine quiet herons"})
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
        "account": example_of::<Account>(),
        "profile": example_of::<Profile>(),
        "sessions": [{
            "id": SESSION_ID, "signed_in_at": "2026-11-02T08:16:04.512031Z", "created_at": "2026-11-02T08:16:04.512031Z",
            "expires_at": "2026-12-02T08:16:04.512031Z", "revoked_at": null
        }],
        "journal_entries": [example_of::<Entry>()],
        "journal_entries_total": 1, "messages": [],
        "next_cursor": null
    })
}
