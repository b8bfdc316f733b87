//! A path of the model, performed by the real code.

mod delivery;
mod drain;
mod extra_steps;
mod reader;
mod writer;

use std::collections::{BTreeMap, HashMap, HashSet};

use cache_model::action::{Action, Drainer};
use cache_model::mutant::Mutant;
use redis::{Value, cmd};

use crate::actor::Actor;
use crate::fixture::Fixture;
use crate::gate::Operation;
use crate::history::{History, LAST_READER, Read};
use crate::participants::Participants;
use crate::scheduler::PendingMessage;
use crate::worker::FreezeGuard;
use crate::writes::{self, Write};

/// Performs a path with the real protocol or with a mutant, and returns the versions that the
/// readers got.
///
/// A mutant must perform every step of the path, which the model found for this mutant. Otherwise
/// this function panics. The real protocol performs the steps that it can. It skips the others, for
/// example a fill under a marker. It also performs the extra steps that it needs, for example a
/// query where the mutant was served by the cache.
pub(crate) fn replay(path: &[Action], mutant: Option<Mutant>) -> History {
    Fixture::with_exclusive(|fixture| Replay::new(fixture, path, mutant, mutant.is_some()).run(path))
}

/// Performs every step of a path with the real protocol.
///
/// # Panics
/// The real protocol cannot perform a step.
pub(crate) fn follow(path: &[Action]) -> History {
    Fixture::with_exclusive(|fixture| Replay::new(fixture, path, None, true).run(path))
}

struct Replay<'a> {
    fixture: &'a mut Fixture,
    /// The messages that were delivered before their step. Declared before the participants: a
    /// freeze guard prevents their threads from ending.
    early: HashMap<(Actor, Operation), Option<FreezeGuard>>,
    participants: Participants,
    mutant: Option<Mutant>,
    /// Whether a step that does not happen is an error.
    is_strict: bool,
    /// The steps after the current one.
    remaining: &'a [Action],
    writes: Vec<Write>,
    /// The oldest version that each reader may get.
    promises: BTreeMap<usize, u32>,
    /// The messages that may still arrive although no actor waits for them any more.
    late: HashMap<(Actor, Operation), PendingMessage>,
    /// The rows of the outbox that each drainer has selected.
    outbox_rows: HashMap<Drainer, Vec<i64>>,
    /// The readers whose read is in the history.
    recorded: HashSet<usize>,
    history: History,
}

impl<'a> Replay<'a> {
    fn new(fixture: &'a mut Fixture, path: &'a [Action], mutant: Option<Mutant>, is_strict: bool) -> Self {
        Self {
            participants: Participants::new(fixture, path),
            fixture,
            mutant,
            is_strict,
            remaining: path,
            writes: writes::of(path),
            promises: BTreeMap::new(),
            late: HashMap::new(),
            early: HashMap::new(),
            outbox_rows: HashMap::new(),
            recorded: HashSet::new(),
            history: History::default(),
        }
    }

    fn run(mut self, path: &'a [Action]) -> History {
        for (index, action) in path.iter().enumerate() {
            self.remaining = &path[index + 1..];
            let happened = self.step(*action);
            let (mutant, scheduler) = (self.mutant, &self.participants.scheduler);
            assert!(
                happened || !self.is_strict,
                "{mutant:?}: step {index}, {action}, did not happen in {path:?}. {scheduler:?}"
            );
            if let (false, Some(actor)) = (self.is_strict, Actor::of(*action)) {
                self.take_extra_steps(actor);
            }
        }
        if !self.is_strict {
            self.remaining = &[];
            self.participants.started().into_iter().for_each(|actor| self.take_extra_steps(actor));
            self.read_last();
        }
        self.history
    }

    /// Reads after all actors have ended and the outbox is drained. This read must return the
    /// newest version.
    fn read_last(&mut self) {
        let committed = self.writes.iter().filter(|write| write.committed);
        let (promised, token) = (writes::promised(committed), self.participants.token());
        let answered = self.fixture.drain_and_read(&token);
        self.history.reads.push(Read { reader: LAST_READER, promised, answered });
    }

    /// Performs a step, and returns whether it happened.
    fn step(&mut self, action: Action) -> bool {
        match action {
            Action::Reader(number, step) => self.reader(number, step),
            Action::Writer(number, step) => self.writer(number, step),
            Action::Drain(drainer, step) => self.drain(drainer, step),
            Action::ExpireMarker => self.expire_marker(),
            Action::EvictGuard => self.evict(self.participants.keys().guard.clone()),
            Action::EvictRecord => self.evict(self.participants.keys().record.clone()),
        }
    }

    fn evict(&mut self, key: String) -> bool {
        self.fixture.redis(cmd("DEL").arg(key)) == Value::Int(1)
    }

    /// Deletes the marker. A marker expires only after the database has ended its statement.
    fn expire_marker(&mut self) -> bool {
        let guard = self.participants.keys().guard.clone();
        let is_marker = matches!(
            self.fixture.redis(cmd("GET").arg(&guard)),
            Value::BulkString(value) if value.starts_with(b"!")
        );
        if !is_marker || self.writes.iter().any(Write::is_awaited) {
            return false;
        }
        self.late.retain(|(_, operation), _| *operation != Operation::Commit);
        self.evict(guard)
    }
}
