//! A path of the model, carried out by the real code.

mod beyond;
mod drain;
mod passage;
mod reader;
mod writer;

use std::collections::{BTreeMap, HashMap, HashSet};

use cache_model::action::{Action, Drainer};
use cache_model::mutant::Mutant;
use redis::{Value, cmd};

use crate::actor::Frost;
use crate::board::{Held, Kind, Who};
use crate::cast::Cast;
use crate::stage::Stage;
use crate::verdict::{LATER, Read, Verdict};
use crate::writes::{self, Write};

/// Does what a path says, with the real protocol or with one of its mutants, and tells what the readers got.
///
/// A mutant goes the path that the model has found for it to the letter, or this panics. The real protocol goes it as far as it can: it leaves
/// steps out that it does not do, such as filling in under a marker, and does at once what it needs besides, such as asking the database
/// where the mutant was served by the cache.
pub(crate) fn replay(path: &[Action], mutant: Option<Mutant>) -> Verdict {
    Stage::alone(|stage| Replay::new(stage, path, mutant, mutant.is_some()).run(path))
}

/// Does what a path says with the real protocol and to the letter, or panics.
pub(crate) fn follow(path: &[Action]) -> Verdict {
    Stage::alone(|stage| Replay::new(stage, path, None, true).run(path))
}

struct Replay<'a> {
    stage: &'a mut Stage,
    /// What came about before its step. Before the cast, whose threads it may keep from ending.
    early: HashMap<(Who, Kind), Option<Frost>>,
    cast: Cast,
    mutant: Option<Mutant>,
    /// Whether each step must come about.
    is_strict: bool,
    /// The steps after the present one.
    rest: &'a [Action],
    writes: Vec<Write>,
    /// What those who read must get.
    promises: BTreeMap<usize, u32>,
    /// What nobody waits for any more, and may still arrive.
    late: HashMap<(Who, Kind), Held>,
    /// The rows that were found in the outbox.
    found: HashMap<Drainer, Vec<i64>>,
    /// The readers whose end is in the verdict.
    told: HashSet<usize>,
    verdict: Verdict,
}

impl<'a> Replay<'a> {
    fn new(stage: &'a mut Stage, path: &'a [Action], mutant: Option<Mutant>, is_strict: bool) -> Self {
        Self {
            cast: Cast::new(stage, path),
            stage,
            mutant,
            is_strict,
            rest: path,
            writes: writes::of(path),
            promises: BTreeMap::new(),
            late: HashMap::new(),
            early: HashMap::new(),
            found: HashMap::new(),
            told: HashSet::new(),
            verdict: Verdict::default(),
        }
    }

    fn run(mut self, path: &'a [Action]) -> Verdict {
        for (index, action) in path.iter().enumerate() {
            self.rest = &path[index + 1..];
            let came_about = self.step(*action);
            let (mutant, board) = (self.mutant, &self.cast.board);
            assert!(
                came_about || !self.is_strict,
                "{mutant:?}: step {index}, {action}, does not come about in {path:?}. {board:?}"
            );
            if let (false, Some(who)) = (self.is_strict, Who::of(*action)) {
                self.go_on(who);
            }
        }
        if !self.is_strict {
            self.rest = &[];
            self.cast.everybody().into_iter().for_each(|who| self.go_on(who));
            self.look_back();
        }
        self.verdict
    }

    /// When all is over and the outbox is finished, whoever reads gets the newest version.
    fn look_back(&mut self) {
        let committed = self.writes.iter().filter(|write| write.committed);
        let (promised, token) = (writes::promise(committed), self.cast.token());
        let answered = self.stage.read_when_all_is_over(&token);
        self.verdict.reads.push(Read { reader: LATER, promised, answered });
    }

    /// Whether the step came about.
    fn step(&mut self, action: Action) -> bool {
        match action {
            Action::Reader(number, step) => self.reader(number, step),
            Action::Writer(number, step) => self.writer(number, step),
            Action::Drain(drainer, step) => self.drain(drainer, step),
            Action::Lapse => self.lapse(),
            Action::EvictGuard => self.evict(self.cast.names().guard.clone()),
            Action::EvictRecord => self.evict(self.cast.names().record.clone()),
        }
    }

    fn evict(&mut self, name: String) -> bool {
        self.stage.redis(cmd("DEL").arg(name)) == Value::Int(1)
    }

    /// A marker lapses long after the database has ended the statements behind it.
    fn lapse(&mut self) -> bool {
        let guard = self.cast.names().guard.clone();
        let is_marker = matches!(
            self.stage.redis(cmd("GET").arg(&guard)),
            Value::BulkString(value) if value.starts_with(b"!")
        );
        if !is_marker || self.writes.iter().any(Write::is_awaited) {
            return false;
        }
        self.late.retain(|(_, kind), _| *kind != Kind::Commit);
        self.evict(guard)
    }
}
