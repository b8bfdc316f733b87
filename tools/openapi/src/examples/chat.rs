//! Examples of the conversation.

use serde_json::{Value, json};
use shared::safety::{Country, Language, crisis_reply, resources};

use super::{Example, Examples, NEXT_CURSOR, USER_ID};

const CONVERSATION_ID: &str = "0192f2fd-6a10-7333-9444-555566667777";
const MESSAGE_IDS: [&str; 2] = ["0192f2fd-6a10-7333-9444-555566667778", "0192f2fd-6ecf-7333-9444-555566667779"];

pub(super) fn examples(operation_id: &str) -> Option<Examples> {
    Some(match operation_id {
        "chat-send" => Examples::response(
            "200",
            [
                Example::new("answer", "A reply", answer()),
                Example::new("crisis", "The reply to a message that looks like a crisis", crisis()),
            ],
        )
        .body([
            Example::new("message", "A message", json!({"message": "I slept badly again."})),
            Example::new(
                "country",
                "A message with the person's country",
                json!({"message": "I slept badly again.", "country": "DE"}),
            ),
        ]),
        "chat-history" => Examples::response(
            "200",
            [
                Example::new("messages", "Two messages", history()),
                Example::new(
                    "nothing",
                    "No conversation yet",
                    json!({"messages": [], "conversation_id": null, "next_cursor": null, "has_more": false}),
                ),
            ],
        )
        .parameters([("limit", json!(50)), ("before", json!(NEXT_CURSOR))]),
        "chat-clear" => {
            let cleared = json!({"status": "session cleared", "user_id": USER_ID});
            Examples::response("200", [Example::new("cleared", "The conversation is deleted", cleared)])
        }
        _ => return None,
    })
}

fn answer() -> Value {
    json!({
        "response": "That sounds tiring. What went through your mind while you lay awake?",
        "metadata": {
            "agent_role": "kai", "model": "built-in", "cached": false, "fallback": false, "conversation_id": CONVERSATION_ID,
            "confidence": 0.5, "safety": "safe"
        },
        "resources": []
    })
}

fn crisis() -> Value {
    json!({
        "response": crisis_reply(Language::English),
        "metadata": {
            "agent_role": "kai", "model": "kai", "cached": false, "fallback": false, "conversation_id": null, "confidence": 1.0,
            "safety": "warning"
        },
        "resources": resources(Country::parse("DE"))
    })
}

fn history() -> Value {
    let [first, second] = MESSAGE_IDS;
    json!({
        "messages": [
            {"id": first, "role": "user", "content": "I slept badly again.", "created_at": "2026-11-02T18:41:12.094482Z"},
            {
                "id": second, "role": "assistant", "content": "That sounds tiring. What went through your mind while you lay awake?",
                "created_at": "2026-11-02T18:41:13.310975Z"
            }
        ],
        "conversation_id": CONVERSATION_ID, "next_cursor": null, "has_more": false
    })
}
