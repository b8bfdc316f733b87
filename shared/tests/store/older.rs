//! Tests with records that are sealed correctly but have another content. An older release may have
//! written them.

use std::time::{Duration, Instant};

use dev_servers::testing::until;
use jiff::Timestamp;
use redis::{Value, cmd};
use shared::AppState;
use shared::cache::Family;
use shared::cache::record::RecordCipher;
use shared::domain::validation::FieldReader;
use shared::domain::{
    self, ChatLookup, ChatMessage, HistoryPage, InsightsPeriod, ListQuery, ModelReply, Question, SingleFlight,
};
use shared::encoded_body::EncodedBody;
use shared::secret::SecretKey;

use crate::kai::{CACHE_KEY, Kai};

const QUESTION: &str = "How can I sleep better at night?";
const ANSWER: &str = "With the window open.";

/// A kind of data that is cached for a user.
#[derive(Debug, Clone, Copy)]
enum Reading {
    Session,
    Profile,
    List,
    Entry,
    Insights,
    Conversation,
    Answer,
}

const READINGS: [Reading; 7] = [
    Reading::Session,
    Reading::Profile,
    Reading::List,
    Reading::Entry,
    Reading::Insights,
    Reading::Conversation,
    Reading::Answer,
];

fn message() -> ChatMessage {
    let body = serde_json::json!({"message": QUESTION}).to_string();
    FieldReader::from_json(body.as_bytes()).unwrap().parse().unwrap()
}

fn text(document: EncodedBody) -> String {
    String::from_utf8(document.into_body(false).0).unwrap()
}

impl Reading {
    /// Returns the response to the user. For a chat message, this is the reply of the model, which
    /// is then cached.
    async fn answer(self, kai: &Kai, state: &AppState) -> String {
        let (token, none) = (&kai.token, FieldReader::default);
        match self {
            Self::Session => state.store.sessions().current(token).await.unwrap().account.email,
            Self::Profile => text(state.store.profiles().get(token).await.unwrap()),
            Self::List => text(state.store.journal().list(token, &none().parse::<ListQuery>().unwrap()).await.unwrap()),
            Self::Entry => {
                let id: uuid::Uuid = kai.query("SELECT id FROM journal_entries").await[0].get(0);
                text(state.store.journal().entry(token, domain::EntryId(id)).await.unwrap())
            }
            Self::Insights => {
                let period: InsightsPeriod = none().parse().unwrap();
                text(state.store.journal().insights(token, period).await.unwrap())
            }
            Self::Conversation => {
                let page: HistoryPage = none().parse().unwrap();
                text(state.store.conversation().history(token, page).await.unwrap())
            }
            Self::Answer => match ask(kai, state).await {
                ChatLookup::Cached(spoken, _) => spoken.response,
                ChatLookup::Uncached(question) => {
                    let spoken = ModelReply { response: ANSWER.to_owned() };
                    lead(state, *question).await.publish(&state.store, Some(&spoken)).await;
                    spoken.response
                }
                ChatLookup::Replayed(_) => unreachable!("no key was sent"),
            },
        }
    }

    /// Returns the number of records that are looked up.
    fn records(self) -> u64 {
        if matches!(self, Self::Session) { 1 } else { 2 }
    }

    async fn warm(self, kai: &Kai, state: &AppState) -> String {
        let mut answer = String::new();
        until(async || {
            let request = state.for_request();
            answer = self.answer(kai, &request).await;
            request.metrics().cache_hits() == self.records()
        })
        .await;
        answer
    }
}

async fn ask(kai: &Kai, state: &AppState) -> ChatLookup {
    // Deletes the counters of the rate limit, which these tests must not reach.
    let forget = "for _, k in ipairs(redis.call('KEYS', 'chat:*')) do redis.call('DEL', k) end";
    kai.server.run(cmd("EVAL").arg(forget).arg(0));
    let guard = kai.guard("conversation");
    let live = kai.server.get(&guard);
    let asked = state.store.conversation().look_up(&kai.token, state.model.name(), &message(), None).await.unwrap();
    // The lookup of a cached reply announces the write that appends the reply to the conversation.
    // This test does not append it, so it restores the guard.
    if let (ChatLookup::Cached(..), Some(live)) = (&asked, live) {
        kai.server.set(&guard, &live);
    }
    asked
}

async fn lead(state: &AppState, mut question: Question) -> domain::Leader {
    match SingleFlight::join(&state.store, &mut question, Instant::now() + Duration::from_secs(3600)).await {
        SingleFlight::Leader(lead) => lead,
        SingleFlight::Completed(spoken) => panic!("unexpected reply {}", spoken.response),
    }
}

/// Returns the name of every record of the user, with the name of its guard.
fn records(kai: &Kai) -> Vec<(String, String)> {
    let Value::Array(names) = kai.server.run(cmd("KEYS").arg("*")) else { panic!("no keys") };
    let names = names.into_iter().map(|name| match name {
        Value::BulkString(name) => String::from_utf8(name).unwrap(),
        other => panic!("{other:?}"),
    });
    let prefixes = [
        ("session", "session"),
        ("user:profile", "user:profile"),
        ("journal:list", "journal:list"),
        ("journal:insights", "journal:list"),
        ("conversation", "conversation"),
        ("ai:response", "ai:response"),
    ];
    let is_record = |name: &String| !name.ends_with(":guard") && !name.ends_with(":fill") && !name.starts_with("chat:");
    let behind = |name: String| {
        let (_, family) = prefixes.iter().find(|(prefix, _)| name.starts_with(&format!("{prefix}:")))?;
        let guard = kai.guard(family);
        Some((name, guard))
    };
    names.filter(is_record).filter_map(behind).collect()
}

/// Seals a body under the name of a record and the live generation, and stores it in Redis.
fn plant(kai: &Kai, name: &str, guard: &str, body: &[u8]) {
    let Some(live) = kai.server.get(guard) else { return };
    let Some(Ok(generation)) = live.strip_prefix(b"g").map(<[u8; 16]>::try_from) else { return };
    let family = Family { prefix: "", ttl: Duration::from_secs(300) };
    let key = family.key(kai.token.user_id().0, name.to_owned());
    let sealed = RecordCipher::new(&SecretKey::new(CACHE_KEY)).seal(&key, &generation, Timestamp::now(), body).unwrap();
    kai.server.run(cmd("SET").arg(name).arg(sealed).arg("EX").arg(300));
}

fn strange_bodies() -> Vec<Vec<u8>> {
    let document = |flag: u8, body: &[u8]| [&[flag], [9; 16].as_slice(), body].concat();
    vec![
        Vec::new(),
        b"{}".to_vec(),
        b"null".to_vec(),
        br#"{"response": 7, "id": 7, "expires_at": "soon", "account": []}"#.to_vec(),
        vec![b'['; 200_000],
        vec![0],
        vec![0xff; 64],
        document(0, br#"{"entries": [], "total": 0}"#),
        document(1, b"this is no gzip"),
        document(1, b""),
        document(2, b"{}"),
    ]
}

#[tokio::test]
async fn a_sealed_record_with_another_content_is_a_miss_and_is_replaced() {
    let kai = Kai::start().await;
    let state = kai.environment();
    kai.write(&state, "first").await;
    let mut expected = Vec::new();
    for reading in READINGS {
        expected.push(reading.warm(&kai, &state).await);
    }
    assert_eq!(records(&kai).len(), READINGS.len(), "{:?}", records(&kai));
    for body in strange_bodies() {
        for (reading, expected) in READINGS.iter().zip(&expected) {
            for (name, guard) in records(&kai) {
                plant(&kai, &name, &guard, &body);
            }
            let request = state.for_request();
            let answer = reading.answer(&kai, &request).await;
            assert_eq!(&answer, expected, "{reading:?} of {body:?}");
            assert_eq!(request.metrics().cache_hits(), 0, "{reading:?} of {body:?} was counted as a hit");
            assert_eq!(&reading.warm(&kai, &state).await, expected, "{reading:?} after {body:?}");
        }
    }
}

#[tokio::test]
async fn a_caller_does_not_wait_for_a_reply_that_cannot_be_parsed() {
    let kai = Kai::start().await;
    let state = kai.environment();
    Reading::Answer.warm(&kai, &state).await;
    let (name, guard) = records(&kai).into_iter().find(|(name, _)| name.starts_with("ai:")).unwrap();
    let mut question = None;
    until(async || {
        kai.server.del(&name);
        if let ChatLookup::Uncached(open) = ask(&kai, &state).await {
            question = Some(*open);
        }
        question.is_some()
    })
    .await;
    // In the meantime the older release fills the record.
    plant(&kai, &name, &guard, b"an answer of another shape");
    let request = state.for_request();
    lead(&request, question.unwrap()).await.publish(&request.store, None).await;
    assert_eq!(request.metrics().cache_round_trips(), 2, "there must be one lock and one lookup");
}
