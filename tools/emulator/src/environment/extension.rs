//! Internal extensions of one environment: who registered, for what, and who is waiting for an event.
//!
//! Extensions that are programs of their own live in layers, which are not emulated; so every extension here is an internal
//! one, which may ask for `INVOKE` but not for `SHUTDOWN`.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::sync::oneshot;
use uuid::Uuid;

/// The most extensions that Lambda admits.
const MOST_EXTENSIONS: usize = 10;

#[derive(Default)]
pub(crate) struct Extensions {
    by_id: BTreeMap<Uuid, Extension>,
}

struct Extension {
    name: String,
    wants_invoke: bool,
    /// An event that came before the extension asked for one.
    pending: Option<Value>,
    waiting: Option<oneshot::Sender<Value>>,
}

/// A refusal: error type and message.
pub(crate) type Refusal = (&'static str, String);

impl Extensions {
    pub(crate) fn register(&mut self, name: &str, events: &[String]) -> Result<Uuid, Refusal> {
        if let Some(event) = events.iter().find(|event| event.as_str() != "INVOKE") {
            let rule = match event.as_str() {
                "SHUTDOWN" => "event not supported for internal agent",
                _ => "invalid event type",
            };
            return Err(("Extension.InvalidEventType", format!("{event}: {rule}")));
        }
        if self.by_id.values().any(|extension| extension.name == name) {
            return Err(("Extension.InvalidExtensionState", "Extension with this name already registered".to_owned()));
        }
        if self.by_id.len() >= MOST_EXTENSIONS {
            return Err(("Extension.TooManyExtensions", format!("Extension limit ({MOST_EXTENSIONS}) reached")));
        }
        let id = Uuid::new_v4();
        let extension =
            Extension { name: name.to_owned(), wants_invoke: !events.is_empty(), pending: None, waiting: None };
        self.by_id.insert(id, extension);
        Ok(id)
    }

    /// A place to wait for the extension's next event; `None` for an unknown extension.
    pub(crate) fn next(&mut self, id: &Uuid) -> Option<oneshot::Receiver<Value>> {
        let extension = self.by_id.get_mut(id)?;
        let (sender, receiver) = oneshot::channel();
        match extension.pending.take() {
            Some(event) => drop(sender.send(event)),
            None => extension.waiting = Some(sender),
        }
        Some(receiver)
    }

    pub(crate) fn knows(&self, id: &Uuid) -> bool {
        self.by_id.contains_key(id)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Whether each of them has asked for its next event, so that the environment may come to rest.
    pub(crate) fn all_wait(&self) -> bool {
        self.by_id.values().all(|extension| extension.waiting.is_some())
    }

    /// Tells the extensions that asked for it about an invocation.
    pub(crate) fn invoke(&mut self, event: &Value) {
        for extension in self.by_id.values_mut().filter(|extension| extension.wants_invoke) {
            match extension.waiting.take() {
                Some(waiting) => drop(waiting.send(event.clone())),
                None => extension.pending = Some(event.clone()),
            }
        }
    }
}
