//! Who is measured: each case of a function, and the floors beneath.

mod chat;
mod floor;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::json;

use super::answer::Answer;
use super::build::Binaries;
use super::event::Event;
use super::fixture::{Account, Fixture, Text, credentials};

/// What a floor is called in the table and in references to it.
pub(crate) const NOTHING: &str = "floor: nothing";
pub(crate) const BOTH: &str = "floor: both connections";
pub(crate) const REDIS_LIST: &str = "floor: Redis, list";
pub(crate) const REDIS_PROFILE: &str = "floor: Redis, profile";
pub(crate) const SELECT: &str = "floor: SELECT 1";
pub(crate) const PAGE: &str = "floor: page of rows";
pub(crate) const PROFILE: &str = "floor: profile row";
pub(crate) const INSERT: &str = "floor: INSERT";
pub(crate) const TURNS: &str = "floor: two messages";
pub(crate) const REDIS_ONE: &str = "floor: Redis, one record";
pub(crate) const REDIS_HISTORY: &str = "floor: Redis, history";
pub(crate) const REDIS_INSIGHTS: &str = "floor: Redis, insights";

pub(crate) const LIST_MISSES: [&str; 3] = ["list miss, 10² entries", "list miss", "list miss, 10⁶ entries"];
pub(crate) const LOGIN: &str = "login";

const LIST_ROUTE: &str = "GET /api/journal/entries";
const PROFILE_ROUTE: &str = "GET /api/users/{user_id}/profile";
const PAGE_QUERY: [(&str, &str); 2] = [("page", "1"), ("page_size", "20")];

/// One binary, asked for one thing again and again.
#[derive(Debug)]
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) binary: PathBuf,
    pub(crate) variables: BTreeMap<String, String>,
    /// Taken in turn.
    pub(crate) payloads: Vec<Vec<u8>>,
    /// Records that are deleted before each invocation.
    pub(crate) clears: Vec<String>,
    /// The status, and for cached reads the `X-Cache`, by which an invocation is known to have taken the path that is measured.
    pub(crate) expected: (u16, Option<&'static str>),
    /// Measured invocations in a round.
    pub(crate) per_round: usize,
    /// What its time is compared with.
    pub(crate) references: Vec<Reference>,
}

/// A sum of floors, and the most that a case may cost in multiples of it.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    pub(crate) label: &'static str,
    pub(crate) plus: &'static [&'static str],
    pub(crate) minus: &'static [&'static str],
    pub(crate) aim: Option<f64>,
}

impl Reference {
    const fn to(floor: &'static [&'static str], label: &'static str, aim: Option<f64>) -> Self {
        Self { label, plus: floor, minus: &[], aim }
    }

    const fn miss(plus: &'static [&'static str], label: &'static str) -> Self {
        Self { label, plus, minus: &[NOTHING], aim: Some(1.3) }
    }
}

const LIST_MISS: [Reference; 2] = [
    Reference::miss(&[REDIS_LIST, SELECT], "Redis + SELECT 1 − nothing"),
    Reference::miss(&[REDIS_LIST, PAGE], "Redis + page of rows − nothing"),
];
const PROFILE_MISS: [Reference; 2] = [
    Reference::miss(&[REDIS_PROFILE, SELECT], "Redis + SELECT 1 − nothing"),
    Reference::miss(&[REDIS_PROFILE, PROFILE], "Redis + profile row − nothing"),
];

/// Everybody, cases first. Fills the cache on the way.
///
/// # Errors
/// A function does not answer as it should.
pub(crate) fn all(fixture: &Fixture, binaries: &Binaries) -> Result<Vec<Contestant>> {
    let [hundred, reader, million] = &fixture.readers;
    let list = fixture.ask(binaries, "journal-list", &list_event(reader, None))?;
    let profile = fixture.ask(binaries, "profile-get", &profile_event(reader, None))?;
    let tag = |answer: &Answer| answer.header("etag").map(str::to_owned).context("the answer has no ETag");
    let (list_tag, profile_tag) = (tag(&list)?, tag(&profile)?);
    let (list_key, profile_key) = (list_key(reader), format!("user:profile:{}", reader.user));
    let session_key = format!("session:{}", reader.token_hash);

    let case = |name: &'static str,
                function: &str,
                event: &Event<'_>,
                expected,
                references: &[Reference]|
     -> Result<Contestant> {
        Ok(Contestant {
            name,
            binary: binaries.get(function)?.to_owned(),
            variables: fixture.variables.clone(),
            payloads: vec![event.payload()],
            clears: Vec::new(),
            expected,
            per_round: 50,
            references: references.to_vec(),
        })
    };
    let (hit, miss) = ((200, Some("hit")), (200, Some("miss")));
    let list_case = |name, account: &Account, tag, expected, references: &[Reference]| {
        case(name, "journal-list", &list_event(account, tag), expected, references)
    };
    let profile_case = |name, tag, expected, references: &[Reference]| {
        case(name, "profile-get", &profile_event(reader, tag), expected, references)
    };
    let list_miss = |name, account, clears: Vec<String>, references| -> Result<Contestant> {
        Ok(Contestant { clears, ..list_case(name, account, None, miss, references)? })
    };
    let on_redis = [Reference::to(&[REDIS_LIST], "Redis", Some(1.2))];
    let on_redis_profile = [Reference::to(&[REDIS_PROFILE], "Redis", Some(1.2))];
    let unmodified = [Reference::to(&[REDIS_LIST], "Redis, body included", Some(1.0))];
    let unmodified_profile = [Reference::to(&[REDIS_PROFILE], "Redis, body included", Some(1.0))];
    let [few, many, most] = LIST_MISSES;

    let create = Reference::to(&[INSERT], "INSERT", None);
    let payloads: Vec<Vec<u8>> =
        fixture.texts.iter().map(|text| create_event(&fixture.writer, text).payload()).collect();
    let create = case("create", "journal-create", &Event::default(), (201, None), &[create])?;
    let login =
        Event { route: "POST /api/auth/login", body: Some(credentials(&fixture.writer.email)), ..Event::default() };
    let health = Event { route: "GET /health", ..Event::default() };
    // It asks Redis as well; on one processor that cannot be hidden behind Postgres.
    let on_both = Reference { aim: None, ..Reference::miss(&[SELECT, REDIS_PROFILE], "Redis + SELECT 1 − nothing") };
    let on_select = [Reference::to(&[SELECT], "SELECT 1", Some(1.2)), on_both];

    let mut contestants = vec![
        list_case("list hit", reader, None, hit, &on_redis)?,
        list_case("list 304", reader, Some(&list_tag), (304, Some("hit")), &unmodified)?,
        list_miss(many, reader, vec![list_key.clone()], &LIST_MISS)?,
        list_miss("list miss, session too", reader, vec![session_key, list_key], &LIST_MISS)?,
        list_miss(few, hundred, vec![self::list_key(hundred)], &LIST_MISS)?,
        list_miss(most, million, vec![self::list_key(million)], &LIST_MISS)?,
        profile_case("profile hit", None, hit, &on_redis_profile)?,
        profile_case("profile 304", Some(&profile_tag), (304, Some("hit")), &unmodified_profile)?,
        Contestant { clears: vec![profile_key], ..profile_case("profile miss", None, miss, &PROFILE_MISS)? },
        Contestant { payloads, ..create },
        case("health", "health", &health, (200, None), &on_select)?,
        // A password costs as much as forty pages; two in a round are enough for a median.
        Contestant { per_round: 2, ..case(LOGIN, "auth-login", &login, (200, None), &[])? },
    ];
    contestants.extend(chat::cases(fixture, binaries, case)?);
    contestants.extend(floor::all(fixture, binaries, &list, &profile)?);
    Ok(contestants)
}

fn list_key(account: &Account) -> String {
    format!("journal:list:{}:page:1:size:20", account.user)
}

fn list_event<'a>(account: &'a Account, if_none_match: Option<&'a str>) -> Event<'a> {
    Event { route: LIST_ROUTE, query: &PAGE_QUERY, token: Some(&account.token), if_none_match, ..Event::default() }
}

fn profile_event<'a>(account: &'a Account, if_none_match: Option<&'a str>) -> Event<'a> {
    let (user, token) = (Some(account.user.as_str()), Some(account.token.as_str()));
    Event { route: PROFILE_ROUTE, user, token, if_none_match, ..Event::default() }
}

fn create_event<'a>(account: &'a Account, text: &Text) -> Event<'a> {
    let Text { title, content, tags } = text;
    let body = json!({ "title": title, "content": content, "mood": 6.5, "mood_emoji": "🙂", "tags": tags });
    Event { route: "POST /api/journal/entries", token: Some(&account.token), body: Some(body), ..Event::default() }
}
