//! Every statement of the product, with example parameters: for the tests of plans and permissions, and for `cargo xtask explain`.

mod value;

use db::{PING, Param, Statement};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

pub use self::value::Value;
use crate::cursor::Cursor;
use crate::query::{CachedQuery, Caller, Query, WriteContext, sql};

/// A statement, and parameters that it may well be given.
#[derive(Debug, Clone)]
pub struct Example {
    /// The statement.
    pub statement: Statement,
    /// What is special about these parameters, if a statement has several examples; else empty.
    pub case: &'static str,
    /// The parameters, from `$1` on.
    pub params: Vec<Value>,
    /// What the plan does on purpose.
    pub exceptions: &'static [Exception],
}

/// Something that a plan should avoid, and does on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exception {
    /// It sorts, for this reason.
    Sort(&'static str),
    /// It reads this table from one end to the other, for this reason.
    Scan(&'static str, &'static str),
}

/// The user for whom the examples ask, who is in the database with all of this.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The user's id.
    pub user: Uuid,
    /// The address that signs in.
    pub email: String,
    /// The PHC string.
    pub password_hash: String,
    /// SHA-256 of the token of a live session.
    pub token_hash: Vec<u8>,
    /// An entry of the user's.
    pub entry: Uuid,
    /// A tag of many of the entries.
    pub tag: String,
    /// A word of many of the entries.
    pub word: String,
    /// A moment in the middle of the journal.
    pub midst: Timestamp,
    /// The endpoint of an `Idempotency-Key` of the user's; the hash of the key and that of the request are `token_hash`.
    pub endpoint: String,
}

/// Every statement that the functions send, at least once.
pub fn statements(subject: &Subject) -> Vec<Example> {
    let mut list = List { subject, examples: Vec::new() };
    list.accounts();
    list.sessions();
    list.keys_and_outbox();
    list.journal();
    list.conversation();
    list.push(PING, "", &[], &[]);
    list.examples
}

struct List<'a> {
    subject: &'a Subject,
    examples: Vec<Example>,
}

impl List<'_> {
    fn push(
        &mut self,
        statement: Statement,
        case: &'static str,
        params: &[Param<'_>],
        exceptions: &'static [Exception],
    ) {
        let params = params.iter().map(Value::from).collect();
        self.examples.push(Example { statement, case, params, exceptions });
    }

    fn add<Q: Query<Context = ()>>(&mut self, query: &Q, exceptions: &'static [Exception]) {
        self.push(Q::STATEMENT, "", &query.params(&()), exceptions);
    }

    fn caller(&self) -> Caller {
        Caller { token_hash: self.subject.token_hash.clone(), user_id: self.subject.user }
    }

    /// A statement of a caller's.
    fn fetch<Q: Query<Context = Caller>>(&mut self, query: &Q, case: &'static str, exceptions: &'static [Exception]) {
        self.push(Q::STATEMENT, case, &query.params(&self.caller()), exceptions);
    }

    /// Both shapes of a cached read.
    fn read<Q: CachedQuery>(&mut self, query: &Q, case: &'static str, exceptions: &'static [Exception]) {
        let caller = self.caller();
        self.push(Q::STATEMENT, case, &query.params(&caller), exceptions);
        self.push(Q::SESSION_KNOWN, case, &query.params(&caller), exceptions);
    }

    /// A write with a new `Idempotency-Key`, whose guards are marked.
    fn write<Q: Query<Context = WriteContext>>(&mut self, query: &Q, exceptions: &'static [Exception]) {
        let Caller { token_hash, user_id } = self.caller();
        let context = WriteContext {
            token_hash,
            user_id,
            unmarked_guards: Vec::new(),
            endpoint: Some("example"),
            key_hash: Some(vec![1; 32]),
            request_hash: Some(vec![1; 32]),
        };
        self.push(Q::STATEMENT, "", &query.params(&context), exceptions);
    }

    fn accounts(&mut self) {
        let Subject { user, email, password_hash, token_hash, midst, .. } = self.subject;
        let new_id = Uuid::from_u128(1);
        self.add(&sql::account::Credentials { email }, &[]);
        let register = sql::account::Register {
            user_id: new_id,
            email: "new@example.org",
            password_hash: "hash",
            profile_id: new_id,
            scope: new_id,
            endpoint: Some("auth-register"),
            key_hash: Some(&[1; 32]),
            request_hash: Some(&[1; 32]),
        };
        self.add(&register, &[]);
        self.fetch(&sql::account::OwnCredentials {}, "", &[]);
        self.write(&sql::account::ChangePassword { password_hash: "new hash", verified_hash: password_hash }, &[]);
        self.read(&sql::profile::Read {}, "", &[]);
        let (traits, preferences) = (json!({}), json!({}));
        let update =
            sql::profile::Update { traits: &traits, set_style: true, style: Some("gentle"), preferences: &preferences };
        self.write(&update, &[]);
        self.write(&sql::account::Delete { scope: *user }, &[]);
        self.add(&sql::account::Deleted { scope: *user, token: token_hash }, &[]);
        let middle = Cursor { created_at: *midst, id: Uuid::nil() };
        let sessions = &[Exception::Sort("the sessions of one person, of which there are few")];
        let journal = export(middle, 51, Cursor::START, 1);
        self.fetch(&journal, "of the journal", sessions);
        self.fetch(&export(Cursor::START, 0, middle, 101), "of the conversation", sessions);
    }

    fn sessions(&mut self) {
        let Subject { user, password_hash, .. } = self.subject;
        let session_id = Uuid::from_u128(2);
        self.fetch(&sql::session::Current {}, "", &[]);
        let create = sql::session::Create {
            session_id,
            user_id: *user,
            token_hash: &[2; 32],
            expires_at: Timestamp::MAX,
            password_hash,
            endpoint: Some("auth-login"),
            key_hash: Some(&[2; 32]),
            request_hash: Some(&[2; 32]),
        };
        self.add(&create, &[]);
        self.write(&sql::session::Refresh { session_id, new_hash: &[2; 32], expires_at: Timestamp::MAX }, &[]);
        self.write(&sql::session::Revoke { all: true }, &[]);
    }

    fn keys_and_outbox(&mut self) {
        let Subject { user, token_hash: hash, endpoint, .. } = self.subject;
        self.add(&sql::idempotency::Replay { scope: *user, endpoint, key_hash: hash, request_hash: hash }, &[]);
        self.add(&sql::idempotency::Ended { scope: *user, endpoint, key_hash: hash, request_hash: hash }, &[]);
        self.fetch(&sql::idempotency::First { sent_to: endpoint, key: hash, request: hash }, "", &[]);
        self.add(&sql::outbox::Pending { limit: 100 }, &[]);
        self.add(&sql::outbox::Done { ids: &[1, 2, 3] }, &[]);
        self.add(&sql::outbox::Enqueue { guards: &["journal:list:guard".to_owned()] }, &[]);
        let purge = &[
            Exception::Scan("sessions", "where many have expired, reading all costs less than looking each up"),
            Exception::Scan("idempotency_keys", "where many have expired, reading all costs less than looking each up"),
        ];
        self.add(&sql::outbox::PurgeExpired {}, purge);
    }

    fn journal(&mut self) {
        let Subject { entry, tag, word, midst, .. } = self.subject;
        self.read(&sql::journal::Page { limit: 20, offset: 0 }, "", &[]);
        self.read(&sql::journal::Page { limit: 100, offset: 400 }, "far back", &[]);
        let tags = [tag.clone()];
        let everything = sql::journal::EntryMatches {
            tags: None,
            mood_min: None,
            mood_max: None,
            from: None,
            until: None,
            search: None,
        };
        let ordered: &[Exception] = &[];
        let found = &[Exception::Sort("what the index of words finds has no order")];
        let ranked = &[Exception::Sort("the best match comes first, which is known when all have been seen")];
        let filters = [
            ("by tag", sql::journal::EntryMatches { tags: Some(&tags), ..everything }, ordered),
            (
                "by mood and time",
                sql::journal::EntryMatches { mood_min: Some(5.0), from: Some(*midst), ..everything },
                ordered,
            ),
            ("by words", sql::journal::EntryMatches { search: Some(word), ..everything }, found),
        ];
        let after = |entry_matches| sql::journal::After {
            before_time: *midst,
            before_id: Uuid::nil(),
            limit: 21,
            entry_matches,
        };
        for (case, entry_matches, unordered) in filters {
            self.read(&sql::journal::Filtered { limit: 20, offset: 0, entry_matches }, case, ranked);
            self.read(&after(entry_matches), case, unordered);
        }
        self.read(&after(everything), "", &[]);
        self.read(&sql::journal::Entry { entry_id: *entry }, "", &[]);
        let days = &[Exception::Sort("the days and the tags of the period, which is bounded")];
        self.read(&sql::journal::Insights { days: 30 }, "", days);
        let create = sql::journal::Create {
            entry_id: Uuid::from_u128(3),
            title: Some("Canal"),
            content: "Walked home along the canal.",
            mood: Some(7.5),
            mood_emoji: Some("🙂"),
            tags: &tags,
            images: &[],
        };
        self.write(&create, &[]);
        let update = sql::journal::Update {
            entry_id: *entry,
            set_title: true,
            title: Some("Canal"),
            content: Some("Walked home along the canal."),
            set_mood: true,
            mood: Some(7.5),
            set_mood_emoji: true,
            mood_emoji: Some("🙂"),
            tags: Some(&tags),
            images: Some(&[]),
            version: None,
        };
        self.write(&update, &[]);
        self.write(&sql::journal::Delete { entry_id: *entry, version: None }, &[]);
    }

    fn conversation(&mut self) {
        let Subject { user, midst, token_hash: hash, endpoint, .. } = self.subject;
        let history = sql::conversation::History { before_time: *midst, before_id: Uuid::nil(), limit: 51 };
        self.read(&history, "", &[]);
        let context = sql::conversation::Context {
            turns: 20,
            turn_characters: 2000,
            sent_to: Some(endpoint),
            key: Some(hash),
            request: Some(hash),
        };
        self.read(&context, "", &[]);
        let exchange = sql::conversation::Exchange {
            conversation_id: Uuid::from_u128(4),
            message_id: Uuid::from_u128(5),
            message: "How can I sleep?",
            reply_id: Uuid::from_u128(6),
            reply: "Breathe out slowly.",
        };
        let pair = &[Exception::Sort("the two turns of the exchange")];
        let answer = json!({"metadata": {}});
        self.write(&sql::conversation::Append { answer: &answer, exchange }, pair);
        self.add(&sql::conversation::AppendKnown { user_id: *user, exchange }, pair);
        self.write(&sql::conversation::Clear {}, &[]);
    }
}

fn export(entries: Cursor, entries_limit: i64, messages: Cursor, messages_limit: i64) -> sql::account::Export {
    sql::account::Export {
        entries_before_time: entries.created_at,
        entries_before_id: entries.id,
        entries_limit,
        messages_before_time: messages.created_at,
        messages_before_id: messages.id,
        messages_limit,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn subject() -> Subject {
        let [email, password_hash, tag, word, endpoint] = [(); 5].map(|()| String::new());
        let [user, entry] = [Uuid::nil(); 2];
        Subject {
            user,
            email,
            password_hash,
            token_hash: Vec::new(),
            entry,
            tag,
            word,
            midst: Timestamp::UNIX_EPOCH,
            endpoint,
        }
    }

    #[test]
    fn no_statement_is_missing() {
        let expected: BTreeSet<&str> = sql::ALL.iter().copied().chain([PING.name]).collect();
        assert!(expected.len() > 30, "{expected:?}");
        let listed: BTreeSet<&str> = statements(&subject()).iter().map(|example| example.statement.name).collect();
        assert_eq!(listed, expected);
    }

    #[test]
    fn an_example_has_as_many_values_as_its_statement_has_parameters() {
        for Example { statement, case, params, .. } in statements(&subject()) {
            let numbers = statement
                .sql
                .split('$')
                .skip(1)
                .filter_map(|text| text.split(|next: char| !next.is_ascii_digit()).next()?.parse::<usize>().ok());
            assert_eq!(numbers.max().unwrap_or(0), params.len(), "{} {case}", statement.name);
        }
    }
}
