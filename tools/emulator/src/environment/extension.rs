//! The internal extensions of one environment.
//!
//! External extensions are separate programs in layers, which are not emulated. Every extension
//! here is therefore an internal one, which may register for `INVOKE` but not for `SHUTDOWN`.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::sync::oneshot;
use uuid::Uuid;

/// The maximum number of extensions that Lambda accepts.
const MAX_EXTENSIONS: usize = 10;

#[derive(Default)]
pub(crate) struct Extensions {
    by_id: BTreeMap<Uuid, Extension>,
}

struct Extension {
    name: String,
    wants_invoke: bool,
    /// An event that occurred before the extension requested one.
    pending: Option<Value>,
    waiting: Option<oneshot::Sender<Value>>,
}

/// The reason why a registration is rejected: an error type and a message.
pub(crate) type Rejection = (&'static str, String);

impl Extensions {
    pub(crate) fn register(&mut self, name: &str, events: &[String]) -> Result<Uuid, Rejection> {
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
        if self.by_id.len() >= MAX_EXTENSIONS {
            return Err(("Extension.TooManyExtensions", format!("Extension limit ({MAX_EXTENSIONS}) reached")));
        }
        let id = Uuid::new_v4();
        let extension =
            Extension { name: name.to_owned(), wants_invoke: !events.is_empty(), pending: None, waiting: None };
        self.by_id.insert(id, extension);
        Ok(id)
    }

    /// Returns a receiver of the extension's next event, or `None` if the extension is unknown.
    pub(crate) fn next_event(&mut self, id: &Uuid) -> Option<oneshot::Receiver<Value>> {
        let extension = self.by_id.get_mut(id)?;
        let (sender, receiver) = oneshot::channel();
        match extension.pending.take() {
            Some(event) => drop(sender.send(event)),
            None => extension.waiting = Some(sender),
        }
        Some(receiver)
    }

    pub(crate) fn contains(&self, id: &Uuid) -> bool {
        self.by_id.contains_key(id)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Reports whether every extension waits for its next event, so that the environment may be
    /// frozen.
    pub(crate) fn all_waiting(&self) -> bool {
        self.by_id.values().all(|extension| extension.waiting.is_some())
    }

    /// Sends the event of an invocation to the extensions that registered for invocations.
    pub(crate) fn notify_invoke(&mut self, event: &Value) {
        for extension in self.by_id.values_mut().filter(|extension| extension.wants_invoke) {
            match extension.waiting.take() {
                Some(waiting) => drop(waiting.send(event.clone())),
                None => extension.pending = Some(event.clone()),
            }
        }
    }
}
