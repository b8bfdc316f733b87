//! Who takes part, and in which environment each of them is.

use std::collections::HashMap;
use std::sync::Arc;

use cache_model::action::{Action, Drainer, WriterStep};
use shared::State;
use shared::store::Token;

use crate::actor::Actor;
use crate::board::{Board, Ending, Held, Kind, Who};
use crate::redis_gate::Names;
use crate::request;
use crate::stage::{Environment, Person, Stage};

pub(crate) struct Cast {
    pub(crate) board: Arc<Board>,
    person: Person,
    // Before the environments, whose connections live on the actors' threads.
    actors: HashMap<Who, Actor>,
    environments: Vec<Environment>,
    homes: HashMap<Who, usize>,
    is_shared: bool,
}

impl Who {
    /// What it sends and waits for. A filled record is not waited for.
    pub(crate) fn awaits(self) -> &'static [Kind] {
        match self {
            Self::Reader(_) => &[Kind::Observe, Kind::Get, Kind::Select],
            Self::Writer(_) => &[Kind::Begin, Kind::Commit, Kind::End],
            Self::Drainer(_) => &[Kind::Pending, Kind::Invalidate, Kind::Done],
        }
    }

    pub(crate) fn of(action: Action) -> Option<Self> {
        match action {
            Action::Reader(number, _) => Some(Self::Reader(number)),
            Action::Writer(number, _) => Some(Self::Writer(number)),
            Action::Drain(drainer, _) => Some(Self::Drainer(drainer)),
            Action::Lapse | Action::EvictGuard | Action::EvictRecord => None,
        }
    }

    /// Whether it is in the environment that several have in common.
    fn is_first(self) -> bool {
        matches!(self, Self::Reader(0) | Self::Writer(0) | Self::Drainer(Drainer::Environment))
    }
}

impl Cast {
    pub(crate) fn new(stage: &mut Stage, path: &[Action]) -> Self {
        Self {
            board: Arc::default(),
            person: stage.person(),
            actors: HashMap::new(),
            environments: Vec::new(),
            homes: HashMap::new(),
            is_shared: path.iter().any(|action| needs_one_environment(*action)),
        }
    }

    pub(crate) fn names(&self) -> &Names {
        &self.person.names
    }

    pub(crate) fn token(&self) -> Token {
        self.person.token.clone()
    }

    /// The environment of somebody who has begun.
    pub(crate) fn home(&self, who: Who) -> Option<usize> {
        self.homes.get(&who).copied()
    }

    pub(crate) fn are_together(&self, one: Who, other: Who) -> bool {
        self.home(one).is_some() && self.home(one) == self.home(other)
    }

    /// The clock and the thread of somebody who has begun.
    pub(crate) fn actor(&self, who: Who) -> &Actor {
        &self.actors[&who]
    }

    /// What an environment knows, with a new request's meter.
    pub(crate) fn state(&self, who: Who) -> State {
        self.environments[self.homes[&who]].state.for_request()
    }

    /// Everybody who has begun, in the same order each time.
    pub(crate) fn everybody(&self) -> Vec<Who> {
        let mut everybody: Vec<Who> = self.homes.keys().copied().collect();
        everybody.sort_by_key(Who::to_string);
        everybody
    }

    /// Gives somebody an environment, unless it has one.
    pub(crate) fn enter(&mut self, stage: &Stage, who: Who) {
        let mates = self.everybody().into_iter().find(|other| self.is_shared && who.is_first() && other.is_first());
        match mates.and_then(|mate| self.home(mate)) {
            _ if self.homes.contains_key(&who) => {}
            Some(home) => {
                self.actors.insert(who, Actor::start());
                self.homes.insert(who, home);
            }
            None => self.enter_anew(stage, who),
        }
    }

    /// Gives somebody an environment that nobody else has.
    pub(crate) fn enter_anew(&mut self, stage: &Stage, who: Who) {
        let number = self.environments.len();
        let environment = stage.environment(number, &self.person.names, &self.board);
        let (state, token) = (environment.state.clone(), self.token());
        environment.do_at_home(async move {
            state.connect().await;
            request::sign_in(state, token).await;
        });
        self.environments.push(environment);
        self.homes.insert(who, number);
        self.actors.entry(who).or_insert_with(Actor::start);
    }

    /// Makes sure that an environment has a connection to Redis.
    pub(crate) fn reconnect(&self, who: Who) {
        let state = self.state(who);
        self.environments[self.homes[&who]].do_at_home(async move {
            let _ = state.cache.ping().await;
        });
    }

    /// Begins what somebody does. Its end stands on the board.
    pub(crate) fn begin(&self, who: Who, work: impl Future<Output = Ending> + Send + 'static) {
        self.board.begins(who);
        let board = Arc::clone(&self.board);
        self.actor(who).run(async move { board.ended(who, work.await) });
    }

    /// Whether it has begun and not come to an end.
    pub(crate) fn is_under_way(&self, who: Who) -> bool {
        self.homes.contains_key(&who) && self.board.ending(who).is_none()
    }

    /// Takes from the board what somebody has sent.
    pub(crate) fn take(&self, who: Who, kinds: &[Kind]) -> Option<Held> {
        self.home(who).and_then(|home| self.board.take(home, kinds))
    }
}

/// Whether it matters that reader 0 and writer 0 are one environment: it does when that notices something. When it does not, they are kept
/// apart, because on one connection nobody is answered before those who have asked before.
fn needs_one_environment(action: Action) -> bool {
    matches!(
        action,
        Action::Writer(0, WriterStep::BeginFails | WriterStep::EndFails) | Action::Drain(Drainer::Environment, _)
    )
}
