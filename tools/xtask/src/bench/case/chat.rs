//! The cases of the conversation and of the insights.

use anyhow::{Context, Result};
use serde_json::json;

use super::{Case, NOTHING, REDIS_HISTORY, REDIS_INSIGHTS, REDIS_ONE, REDIS_PROFILE, Reference, TURNS};
use crate::bench::build::Binaries;
use crate::bench::event::Event;
use crate::bench::fixture::{Account, Fixture};

/// A question that the model answers once. From then on the functions use the cached answer.
const QUESTION: &str = "How can I calm down before an exam?";

/// The cost of a message that the model has answered before: three exchanges with Redis and one
/// statement, one after the other.
const CHAT_HIT: Reference = Reference {
    label: "3 × Redis + two messages − 3 × nothing",
    plus: &[REDIS_PROFILE, REDIS_ONE, REDIS_ONE, TURNS],
    minus: &[NOTHING, NOTHING, NOTHING],
    target: Some(1.3),
};

/// Returns the cases. `case` creates a case with the default settings.
pub(super) fn cases(
    fixture: &Fixture,
    binaries: &Binaries,
    case: impl Fn(&'static str, &str, &Event<'_>, (u16, Option<&'static str>), &[Reference]) -> Result<Case>,
) -> Result<Vec<Case>> {
    let (reader, hit) = (&fixture.readers[1], (200, Some("hit")));
    fixture.invoke(binaries, "chat-send", &message(reader))?;
    let mut redis = redis::Client::open(fixture.servers.redis.url())?.get_connection()?;
    // The counter is deleted before each invocation, so that the limit of messages per minute is
    // not reached. Only one user chats, so there is one counter.
    let counters: Vec<String> = redis::cmd("KEYS").arg("chat:*").query(&mut redis)?;
    counters.first().context("the message was not counted in Redis")?;
    let redis_history = [Reference::to(&[REDIS_HISTORY], "Redis", Some(1.2))];
    let redis_insights = [Reference::to(&[REDIS_INSIGHTS], "Redis", Some(1.2))];
    Ok(vec![
        Case { deleted_keys: counters, ..case("chat hit", "chat-send", &message(reader), hit, &[CHAT_HIT])? },
        case("history hit", "chat-history", &history(&fixture.writer), hit, &redis_history)?,
        case("insights hit", "journal-insights", &insights(reader), hit, &redis_insights)?,
    ])
}

fn message(account: &Account) -> Event<'_> {
    let body = Some(json!({ "message": QUESTION }));
    Event { route: "POST /api/chat", token: Some(&account.token), body, ..Event::default() }
}

/// Returns a request for the newest page of the conversation, which has fifty messages.
pub(super) fn history(account: &Account) -> Event<'_> {
    Event { route: "GET /api/chat/history", token: Some(&account.token), ..Event::default() }
}

pub(super) fn insights(account: &Account) -> Event<'_> {
    Event { route: "GET /api/journal/insights", token: Some(&account.token), ..Event::default() }
}
