//! What stands inside a record once it is open. Only this service seals, but an older program of it may have sealed something else: that
//! is never a reason to fall over, and never an answer that is not in one piece.

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::domain::{ModelReply, Session};
use shared::encoded_body::EncodedBody;

use crate::try_all;

const CASES: u32 = 100_000;

fn session() -> Value {
    json!({
        "id": "01890a5d-ac96-774b-bcce-b302099a8057",
        "expires_at": "2037-01-01T00:00:00Z",
        "account": {
            "id": "01890a5d-ac96-774b-bcce-b302099a8057",
            "email": "ada@example.org",
            "is_active": true,
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
        },
    })
}

/// Values of all kinds, with what is hard to read among them.
fn odd_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        prop::sample::select(vec![
            json!("-9999-01-01T00:00:00Z"),
            json!("9999-12-31T23:59:60Z"),
            json!("+999999-01-01T00:00:00Z"),
            json!("2026-01-01T00:00:00+99:99"),
            json!("00000000-0000-0000-0000-00000000000g"),
            json!([]),
            json!({}),
            json!([{"a": [1e308, -0.0]}]),
        ]),
    ]
}

/// JSON of a session in which something is different, as bytes in which something may be different again.
fn almost_a_session() -> impl Strategy<Value = Vec<u8>> {
    let members = [
        "/id",
        "/expires_at",
        "/account",
        "/account/id",
        "/account/email",
        "/account/is_active",
        "/account/created_at",
    ];
    let changed = (prop::sample::select(members.to_vec()), odd_value()).prop_map(|(member, value)| {
        let mut session = session();
        *session.pointer_mut(member).unwrap() = value;
        session.to_string().into_bytes()
    });
    let text = prop_oneof![Just(session().to_string().into_bytes()), changed];
    (text, prop::option::of((any::<prop::sample::Index>(), any::<u8>()))).prop_map(|(mut text, edit)| {
        if let Some((at, byte)) = edit {
            let at = at.index(text.len());
            text[at] = byte;
        }
        text
    })
}

fn anything() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..100),
        almost_a_session(),
        // Deeper than a stack is.
        (1_000..100_000_usize).prop_map(|depth| vec![b'['; depth]),
    ]
}

#[test]
fn a_session_that_makes_no_sense_is_none_and_a_session_comes_back_as_it_was() {
    let tried = try_all(CASES, anything, |bytes| {
        if let Ok(session) = serde_json::from_slice::<Session>(&bytes) {
            let again: Session = serde_json::from_slice(&serde_json::to_vec(&session).unwrap()).unwrap();
            prop_assert_eq!(
                (again.id, again.expires_at, again.account.email),
                (session.id, session.expires_at, session.account.email)
            );
        }
        let _ = serde_json::from_slice::<ModelReply>(&bytes);
        Ok(())
    });
    assert!(tried >= u64::from(CASES), "only {tried}");
    assert!(serde_json::from_value::<Session>(session()).is_ok(), "nothing of this was close to a session");
}

/// A document's bytes, or such as differ from them in a few places.
fn almost_a_document() -> impl Strategy<Value = Vec<u8>> {
    let whole = prop_oneof![".{0,40}", ".{300,400}"].prop_map(|text| EncodedBody::new(&text).unwrap().to_bytes());
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    (whole, edits, prop::option::of(any::<prop::sample::Index>())).prop_map(|(mut bytes, edits, cut)| {
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        bytes
    })
}

#[test]
fn a_document_is_read_as_it_was_written_or_not_at_all() {
    let strategy = || prop_oneof![almost_a_document(), prop::collection::vec(any::<u8>(), 0..100)];
    let tried = try_all(CASES, strategy, |bytes| {
        if let Some(document) = EncodedBody::from_bytes(bytes.clone()) {
            prop_assert_eq!(document.to_bytes(), bytes);
            let (packed, is_packed) = document.clone().into_body(true);
            let (plain, _) = document.into_body(false);
            if is_packed {
                prop_assert!(packed.starts_with(&[0x1f, 0x8b, 8]), "sent as gzip, and is none: {:?}", packed);
            } else {
                prop_assert!(String::from_utf8(plain).is_ok(), "sent as text, and is none");
            }
        }
        Ok(())
    });
    assert!(tried >= u64::from(CASES), "only {tried}");
}
