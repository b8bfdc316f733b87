//! The conversation.

#![expect(dead_code, reason = "only the schemas are used")]

use serde_json::{Value, json};
use shared::domain::{Answer, History};
use shared::safety::{Country, Language, resources};
use utoipa::ToSchema;
use utoipa::openapi::Ref;
use utoipa::openapi::path::HttpMethod::{Delete, Get, Post};
use utoipa::openapi::schema::{AllOfBuilder, ArrayBuilder, ComponentsBuilder, ObjectBuilder, Schema};
use uuid::Uuid;

use super::operation::Operation;
use super::parameter::{cursor, integer, nullable, query, text, writing};
use super::{CONVERSATION_ID, MESSAGE_IDS, NEXT_CURSOR, USER_ID, referred};

const TAG: &str = "chat";

/// What a person says to Kai.
#[derive(ToSchema)]
pub(super) struct NewMessage {
    #[schema(schema_with = message)]
    message: String,
    /// The caller's own id; older clients send it along.
    user_id: Option<Uuid>,
    /// Accepted and ignored: the conversation that is kept is the authority.
    #[schema(value_type = Option<Vec<Value>>)]
    conversation_history: Option<Vec<Value>>,
    #[schema(schema_with = country)]
    country: Option<String>,
}

fn message() -> ObjectBuilder {
    writing(4000).description(Some("The message; not blank."))
}

fn country() -> ObjectBuilder {
    let code = nullable(text().pattern(Some("^[A-Za-z]{2}$")));
    code.description(Some("Where the person is (ISO 3166-1 alpha-2), for the places to turn to."))
}

/// That the conversation is gone.
#[derive(ToSchema)]
pub(super) struct SessionCleared {
    #[schema(schema_with = cleared)]
    status: String,
    user_id: Uuid,
}

fn cleared() -> ObjectBuilder {
    text().description(Some("Always the same.")).enum_values(Some(["session cleared"]))
}

/// An error of the chat. Whatever goes wrong, a person in need is told where to turn to.
pub(super) struct ProblemWithResources;

impl ProblemWithResources {
    /// A problem with an example of its resources.
    pub(super) fn of(problem: &Value) -> Value {
        let mut problem = problem.clone();
        if let Some(members) = problem.as_object_mut() {
            members.insert("resources".to_owned(), json!(resources(None)));
        }
        problem
    }

    fn schema() -> Schema {
        let resources =
            ArrayBuilder::new().items(Ref::from_schema_name("Resource")).description(Some("Where to turn to."));
        let object = ObjectBuilder::new().property("resources", resources).required("resources");
        let both = AllOfBuilder::new().item(Ref::from_schema_name("Problem")).item(object);
        both.description(Some("An error of the chat. Whatever goes wrong, a person in need is told where to turn to."))
            .into()
    }
}

pub(super) fn components(components: ComponentsBuilder) -> ComponentsBuilder {
    let schemas = [referred::<NewMessage>, referred::<Answer>, referred::<History>, referred::<SessionCleared>];
    schemas
        .into_iter()
        .fold(components, |components, add| add(components))
        .schema("ProblemWithResources", ProblemWithResources::schema())
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(Post, "/api/chat", "chat-send", TAG)
            .about(
                "Talk with Kai",
                "Answers a message. The conversation that is kept goes with it to the model. A message that looks like a crisis is answered \
                200 with places to turn to whoever sends it, also without a session or when all else fails; every error names such places too.",
            )
            .signed_in()
            .writes()
            .body::<NewMessage>("The message.", [
                ("message", "A message", json!({"message": "I slept badly again."})),
                ("country", "From where the person is", json!({"message": "I slept badly again.", "country": "DE"})),
            ])
            .fails_with(&["forbidden", "rate_limited"])
            .with_resources()
            .answers(200, "Kai's answer.", "ChatAnswer", [
                ("answer", "An answer", answer()),
                ("crisis", "To a message that looks like a crisis", crisis()),
            ]),
        Operation::new(Get, "/api/chat/history", "chat-history", TAG)
            .about("Read the conversation", "The latest messages, oldest first. Pass `next_cursor` as `before` for what is older.")
            .signed_in()
            .cacheable()
            .parameter(query("limit", "How many messages.", integer(1, Some(200)).default(Some(json!(50))), 50))
            .parameter(query("before", "The `next_cursor` of the answer before.", cursor(), NEXT_CURSOR))
            .own_user_id()
            .answers(200, "The messages.", "ChatHistory", [
                ("messages", "Two messages", history()),
                ("nothing", "No conversation", json!({"messages": [], "conversation_id": null, "next_cursor": null, "has_more": false})),
            ]),
        Operation::new(Delete, "/api/chat/session/{user_id}", "chat-clear", TAG)
            .about("Forget the conversation", "Deletes the caller's conversation with all its messages, for good.")
            .signed_in()
            .path_user_id()
            .writes()
            .answers(200, "It is gone.", "SessionCleared", [(
                "cleared",
                "It is gone",
                json!({"status": "session cleared", "user_id": USER_ID}),
            )]),
    ]
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
        "response": shared::safety::crisis_reply(Language::English),
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
