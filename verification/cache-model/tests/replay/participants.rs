//! The actors of a replay and their environments.

use std::collections::HashMap;
use std::sync::Arc;

use cache_model::action::{Action, Drainer, WriterStep};
use shared::AppState;
use shared::domain::Token;

use crate::actor::Actor;
use crate::fixture::{Environment, Fixture, User};
use crate::gate::Operation;
use crate::gate::redis::Keys;
use crate::request;
use crate::scheduler::{Outcome, PendingMessage, Scheduler};
use crate::worker::Worker;

pub(crate) struct Participants {
    pub(crate) scheduler: Arc<Scheduler>,
    user: User,
    // Declared before the environments, whose connections run on the threads of the workers.
    workers: HashMap<Actor, Worker>,
    environments: Vec<Environment>,
    environment_of: HashMap<Actor, usize>,
    needs_shared_environment: bool,
}

impl Participants {
    pub(crate) fn new(fixture: &mut Fixture, path: &[Action]) -> Self {
        Self {
            scheduler: Arc::default(),
            user: fixture.create_user(),
            workers: HashMap::new(),
            environments: Vec::new(),
            environment_of: HashMap::new(),
            needs_shared_environment: path.iter().any(|action| needs_shared_environment(*action)),
        }
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.user.keys
    }

    pub(crate) fn token(&self) -> Token {
        self.user.token.clone()
    }

    /// Returns the environment of an actor, if the actor has started.
    pub(crate) fn environment_of(&self, actor: Actor) -> Option<usize> {
        self.environment_of.get(&actor).copied()
    }

    pub(crate) fn share_environment(&self, one: Actor, other: Actor) -> bool {
        self.environment_of(one).is_some() && self.environment_of(one) == self.environment_of(other)
    }

    /// Returns the worker of an actor that has started.
    pub(crate) fn worker(&self, actor: Actor) -> &Worker {
        &self.workers[&actor]
    }

    /// Returns the state of an actor's environment, with the metrics of a new request.
    pub(crate) fn state(&self, actor: Actor) -> AppState {
        self.environments[self.environment_of[&actor]].state.for_request()
    }

    /// Returns every actor that has started, always in the same order.
    pub(crate) fn started(&self) -> Vec<Actor> {
        let mut started: Vec<Actor> = self.environment_of.keys().copied().collect();
        started.sort_by_key(Actor::to_string);
        started
    }

    /// Gives an actor a worker and an environment, unless it already has them.
    pub(crate) fn start(&mut self, fixture: &Fixture, actor: Actor) {
        let may_share = |other: &Actor| {
            self.needs_shared_environment && actor.may_share_environment() && other.may_share_environment()
        };
        let shared = self.started().into_iter().find(may_share).and_then(|other| self.environment_of(other));
        match shared {
            _ if self.environment_of.contains_key(&actor) => {}
            Some(environment) => {
                self.workers.insert(actor, Worker::start());
                self.environment_of.insert(actor, environment);
            }
            None => self.start_in_new_environment(fixture, actor),
        }
    }

    /// Gives an actor an environment that no other actor has.
    pub(crate) fn start_in_new_environment(&mut self, fixture: &Fixture, actor: Actor) {
        let number = self.environments.len();
        let environment = fixture.environment(number, &self.user.keys, &self.scheduler);
        let (state, token) = (environment.state.clone(), self.token());
        environment.run(async move {
            state.connect().await;
            request::cache_session(state, token).await;
        });
        self.environments.push(environment);
        self.environment_of.insert(actor, number);
        self.workers.entry(actor).or_insert_with(Worker::start);
    }

    /// Ensures that an actor's environment has a connection to Redis.
    pub(crate) fn reconnect(&self, actor: Actor) {
        let state = self.state(actor);
        self.environments[self.environment_of[&actor]].run(async move {
            let _ = state.store.cache.ping().await;
        });
    }

    /// Begins the work of an actor. The scheduler receives the outcome.
    pub(crate) fn begin(&self, actor: Actor, work: impl Future<Output = Outcome> + Send + 'static) {
        self.scheduler.clear_outcome(actor);
        let scheduler = Arc::clone(&self.scheduler);
        self.worker(actor).run(async move { scheduler.set_outcome(actor, work.await) });
    }

    /// Returns whether an actor has begun and not ended.
    pub(crate) fn is_running(&self, actor: Actor) -> bool {
        self.environment_of.contains_key(&actor) && self.scheduler.outcome(actor).is_none()
    }

    /// Takes a message from the environment of an actor.
    pub(crate) fn take(&self, actor: Actor, operations: &[Operation]) -> Option<PendingMessage> {
        self.environment_of(actor).and_then(|environment| self.scheduler.take(environment, operations))
    }
}

/// Returns whether reader 0 and writer 0 must share an environment because that environment notices
/// a failure. Otherwise they have separate environments, because on one connection each reply waits
/// for the replies before it.
fn needs_shared_environment(action: Action) -> bool {
    matches!(
        action,
        Action::Writer(0, WriterStep::BeginFails | WriterStep::EndFails) | Action::Drain(Drainer::Environment, _)
    )
}
