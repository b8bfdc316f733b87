//! Tests with the bodies of opened records. Only this service seals records, but another release of
//! it may have sealed another format. Such a body must neither cause a panic nor be served in part.

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

/// Generates JSON values of every type, including values that are difficult to parse.
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

/// Generates the JSON of a session in which one member or one byte may be different, or both.
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
        // Nested more deeply than the stack allows.
        (1_000..100_000_usize).prop_map(|depth| vec![b'['; depth]),
    ]
}

#[test]
fn an_invalid_session_is_rejected_and_a_valid_one_survives_a_round_trip() {
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
    assert!(tried >= u64::from(CASES), "only {tried} cases were tried");
    assert!(serde_json::from_value::<Session>(session()).is_ok(), "the unchanged session must be valid");
}

/// Generates the bytes of an encoded body, with up to two changed bytes, and perhaps truncated.
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
fn an_encoded_body_is_parsed_as_it_was_written_or_rejected() {
    let strategy = || prop_oneof![almost_a_document(), prop::collection::vec(any::<u8>(), 0..100)];
    let tried = try_all(CASES, strategy, |bytes| {
        if let Some(document) = EncodedBody::from_bytes(bytes.clone()) {
            prop_assert_eq!(document.to_bytes(), bytes);
            let (packed, is_packed) = document.clone().into_body(true);
            let (plain, _) = document.into_body(false);
            if is_packed {
                prop_assert!(packed.starts_with(&[0x1f, 0x8b, 8]), "sent as gzip, but is not gzip: {:?}", packed);
            } else {
                prop_assert!(String::from_utf8(plain).is_ok(), "sent as text, but is not UTF-8");
            }
        }
        Ok(())
    });
    assert!(tried >= u64::from(CASES), "only {tried} cases were tried");
}
