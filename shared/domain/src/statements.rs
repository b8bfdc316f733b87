//! Every statement of the product, with parameters to try it with: for whoever wants to know how the database runs it.

mod value;

use db::{PING, Statement};
use jiff::Timestamp;
use uuid::Uuid;

pub use self::value::Value;
use self::value::{flag, key, many, moment, no_moment, no_number, no_text, no_texts, number, text, texts, uuid};
use super::authenticated::Read;
use super::conversation::{clear, context, exchange, history};
use super::cursor::Cursor;
use super::journal::{insights, list, read, write};
use super::{account, deletion, export, idempotency, outbox, password_change, profile, session};

/// A statement and parameters that it may well be given.
#[derive(Debug, Clone)]
pub struct Example {
    /// Which statement.
    pub statement: Statement,
    /// What is special about these parameters, where a statement has several examples; else empty.
    pub case: &'static str,
    /// From `$1` on.
    pub params: Vec<Value>,
    /// What the plan does on purpose.
    pub exceptions: &'static [Exception],
}

/// Something that a plan had better not do, and does on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exception {
    /// It sorts; why it has to.
    Sort(&'static str),
    /// It reads this table from one end to the other; why it has to.
    Scan(&'static str, &'static str),
}

/// For whom the examples ask: somebody who is in the database with all of this.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Who.
    pub user: Uuid,
    /// The address that signs in.
    pub email: String,
    /// The PHC string.
    pub password_hash: String,
    /// Of a live session: 32 bytes.
    pub token_hash: Vec<u8>,
    /// An entry of theirs.
    pub entry: Uuid,
    /// A tag of many of their entries.
    pub tag: String,
    /// A word of many of their entries.
    pub word: String,
    /// When their journal is half over.
    pub midst: Timestamp,
    /// The endpoint of an `Idempotency-Key` of theirs; the hash of the key and that of the request are `token_hash`.
    pub endpoint: String,
}

/// Every statement that the functions send, at least once: a test below sees to it that none is missing.
pub fn statements(subject: &Subject) -> Vec<Example> {
    let mut list = List { subject, examples: Vec::new() };
    list.accounts();
    list.sessions();
    list.keys_and_outbox();
    list.journal();
    list.conversation();
    list.add(PING, "", Vec::new(), &[]);
    list.examples
}

struct List<'a> {
    subject: &'a Subject,
    examples: Vec<Example>,
}

impl List<'_> {
    fn add(&mut self, statement: Statement, case: &'static str, params: Vec<Value>, exceptions: &'static [Exception]) {
        self.examples.push(Example { statement, case, params, exceptions });
    }

    /// A statement for a caller.
    fn caller(&mut self, statement: Statement, case: &'static str, rest: Vec<Value>, exceptions: &'static [Exception]) {
        let caller = vec![key(&self.subject.token_hash), uuid(self.subject.user)];
        self.add(statement, case, [caller, rest].concat(), exceptions);
    }

    /// Both shapes of a read.
    fn read(&mut self, read: Read, case: &'static str, rest: &[Value], exceptions: &'static [Exception]) {
        self.caller(read.checked, case, rest.to_vec(), exceptions);
        self.caller(read.known, case, rest.to_vec(), exceptions);
    }

    /// A write with a new `Idempotency-Key`, and the marker set.
    fn once(&mut self, statement: Statement, rest: Vec<Value>, exceptions: &'static [Exception]) {
        let guards_and_key = vec![texts(&[]), text("example"), key(&[1; 32]), key(&[1; 32])];
        self.caller(statement, "", [guards_and_key, rest].concat(), exceptions);
    }

    fn kept_key(&self) -> Vec<Value> {
        let Subject { endpoint, token_hash, .. } = self.subject;
        vec![text(endpoint), key(token_hash), key(token_hash)]
    }

    fn accounts(&mut self) {
        let Subject { user, email, password_hash, .. } = self.subject.clone();
        self.add(account::CREDENTIALS, "", vec![text(&email)], &[]);
        let fresh = Uuid::from_u128(1);
        let account = vec![uuid(fresh), text("new@example.org"), text("hash"), uuid(fresh), uuid(fresh)];
        let key_columns = vec![text("auth-register"), key(&[1; 32]), key(&[1; 32])];
        self.add(account::REGISTER, "", [account, key_columns].concat(), &[]);
        self.caller(password_change::OWN_CREDENTIALS, "", Vec::new(), &[]);
        self.once(password_change::CHANGE, vec![text("new hash"), text(&password_hash)], &[]);
        self.read(profile::READ, "", &[], &[]);
        self.once(profile::UPDATE, vec![value::json("{}"), flag(true), text("gentle"), value::json("{}")], &[]);
        self.caller(deletion::DELETE, "", vec![texts(&[]), uuid(user)], &[]);
        self.add(deletion::DELETED, "", vec![uuid(user), key(&self.subject.token_hash)], &[]);
        let part = |at: Cursor, number| vec![moment(at.created_at), uuid(at.id), many(number)];
        let place = Cursor { created_at: self.subject.midst, id: Uuid::nil() };
        let sessions = &[Exception::Sort("the sessions of one person, of which there are few")];
        let journal = [part(place, 51), part(Cursor::START, 1)].concat();
        self.caller(export::EXPORT, "of the journal", journal, sessions);
        let messages = [part(Cursor::START, 0), part(place, 101)].concat();
        self.caller(export::EXPORT, "of the conversation", messages, sessions);
    }

    fn sessions(&mut self) {
        let Subject { user, password_hash, .. } = self.subject.clone();
        let [fresh, expires] = [uuid(Uuid::from_u128(2)), moment(Timestamp::MAX)];
        self.caller(session::CURRENT, "", Vec::new(), &[]);
        let opening = vec![fresh.clone(), uuid(user), key(&[2; 32]), expires.clone(), text(&password_hash)];
        let key_columns = vec![text("auth-login"), key(&[2; 32]), key(&[2; 32])];
        self.add(session::CREATE, "", [opening, key_columns].concat(), &[]);
        self.once(session::REFRESH, vec![fresh, key(&[2; 32]), expires], &[]);
        self.once(session::REVOKE, vec![flag(true)], &[]);
    }

    fn keys_and_outbox(&mut self) {
        let kept = || [vec![uuid(self.subject.user)], self.kept_key()].concat();
        let (replay, ended, first) = (kept(), kept(), self.kept_key());
        self.add(idempotency::REPLAY, "", replay, &[]);
        self.add(idempotency::ENDED, "", ended, &[]);
        self.caller(idempotency::FIRST, "", first, &[]);
        self.add(outbox::PENDING, "", vec![many(100)], &[]);
        self.add(outbox::DONE, "", vec![value::ids(&[1, 2, 3])], &[]);
        self.add(outbox::ENQUEUE, "", vec![texts(&["journal:list:guard"])], &[]);
        let sweep = &[
            Exception::Scan("sessions", "where many have expired, reading all costs less than looking each up"),
            Exception::Scan("idempotency_keys", "where many have expired, reading all costs less than looking each up"),
        ];
        self.add(outbox::PURGE, "", Vec::new(), sweep);
    }

    fn journal(&mut self) {
        let Subject { entry, tag, word, midst, .. } = self.subject.clone();
        self.read(list::PAGE, "", &[many(20), many(0)], &[]);
        self.read(list::PAGE, "far back", &[many(100), many(400)], &[]);
        let [tags, no_tags, search] = [texts(&[&tag]), no_texts(), text(&word)];
        let filter = |tags: &Value, least: Value, from: Value, search: Value| {
            vec![tags.clone(), least, no_number(), from, no_moment(), search]
        };
        let ordered: &[Exception] = &[];
        let found = &[Exception::Sort("what the index of words finds has no order")];
        let filters = [
            ("by tag", filter(&tags, no_number(), no_moment(), no_text()), ordered),
            ("by mood and time", filter(&no_tags, number(5.0), moment(midst), no_text()), ordered),
            ("by words", filter(&no_tags, no_number(), no_moment(), search), found),
        ];
        for (case, filter, unordered) in filters {
            let page = [filter.clone(), vec![many(20), many(0)]].concat();
            let ranked = &[Exception::Sort("the best match comes first, which is known when all have been seen")];
            self.read(list::FILTERED_PAGE, case, &page, ranked);
            let after = [filter, vec![many(21), moment(midst), uuid(Uuid::nil())]].concat();
            self.read(list::AFTER, case, &after, unordered);
        }
        let nothing = filter(&no_tags, no_number(), no_moment(), no_text());
        self.read(list::AFTER, "", &[nothing, vec![many(21), moment(midst), uuid(Uuid::nil())]].concat(), &[]);
        self.read(read::ENTRY, "", &[uuid(entry)], &[]);
        let days = &[Exception::Sort("the days and the tags of the period, which is bounded")];
        self.read(insights::INSIGHTS, "", &[value::days(30)], days);
        let [title, content, emoji] = [text("Canal"), text("Walked home along the canal."), text("🙂")];
        let [mood, images] = [number(7.5), texts(&[])];
        let draft = vec![uuid(Uuid::from_u128(3)), title.clone(), content.clone(), mood.clone(), emoji.clone()];
        self.once(write::CREATE, [draft, vec![tags.clone(), images.clone()]].concat(), &[]);
        let change = vec![uuid(entry), flag(true), title, content, flag(true), mood, flag(true), emoji];
        self.once(write::UPDATE, [change, vec![tags, images, no_moment()]].concat(), &[]);
        self.once(write::DELETE, vec![uuid(entry), no_moment()], &[]);
    }

    fn conversation(&mut self) {
        let Subject { user, midst, .. } = self.subject.clone();
        self.read(history::HISTORY, "", &[moment(midst), uuid(Uuid::nil()), many(51)], &[]);
        let context = [vec![many(20), value::days(2000)], self.kept_key()].concat();
        self.read(context::CONTEXT, "", &context, &[]);
        let turns = || [4, 5, 6].map(|id| uuid(Uuid::from_u128(id)));
        let [conversation, said, answered] = turns();
        let exchange = vec![conversation, said, text("How can I sleep?"), answered, text("Breathe out slowly.")];
        let pair = &[Exception::Sort("the two turns that are said")];
        self.once(exchange::KEEP, [exchange.clone(), vec![value::json("{\"metadata\": {}}")]].concat(), pair);
        self.add(exchange::KEEP_KNOWN, "", [vec![uuid(user)], exchange].concat(), pair);
        self.once(clear::CLEAR, Vec::new(), &[]);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

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

    /// The names that the sources below a folder give to statements.
    fn named_in(folder: &Path, names: &mut BTreeSet<String>) {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                named_in(&path, names);
            } else if !path.ends_with("catalogue.rs") {
                let source = std::fs::read_to_string(&path).unwrap();
                let quoted = |text: &str| text.split('"').nth(1).unwrap_or_default().to_owned();
                names.extend(source.split("Statement {").skip(1).filter_map(|text| {
                    text.trim_start().strip_prefix("name: \"").map(|text| quoted(&format!("\"{text}")))
                }));
                for text in source.split("= authenticated_read!(").skip(1) {
                    names.extend(["", ".known"].map(|suffix| quoted(text) + suffix));
                }
            }
        }
    }

    #[test]
    fn no_statement_is_missing() {
        let mut named = BTreeSet::from([PING.name.to_owned()]);
        named_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store"), &mut named);
        assert!(named.len() > 30, "{named:?}");
        let listed: BTreeSet<String> =
            statements(&subject()).iter().map(|example| example.statement.name.to_owned()).collect();
        assert_eq!(named, listed);
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
