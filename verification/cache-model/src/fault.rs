//! What may go wrong, and how often.

/// How many faults of each kind may strike in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Faults {
    /// Redis makes room.
    pub evictions: u8,
    /// A writer's environment dies, or does not learn how its statement ended.
    pub crashes: u8,
    /// A writer has no answer from Redis.
    pub silences: u8,
    /// Whether what had no answer may arrive later.
    pub arrives_late: bool,
    /// Whether `cache-monitor` finishes the outbox.
    pub monitor: bool,
    /// Whether the environment that has noticed does.
    pub catches_up: bool,
    /// A statement is refused.
    pub refusals: u8,
    /// A command is sent again while the first copy is on its way.
    pub repetitions: u8,
    /// A client sends a write again.
    pub retries: u8,
}

impl Faults {
    /// Nothing goes wrong.
    pub const NONE: Self = Self {
        evictions: 0,
        crashes: 0,
        silences: 0,
        arrives_late: false,
        monitor: false,
        catches_up: false,
        refusals: 0,
        repetitions: 0,
        retries: 0,
    };
    /// The guard or the record is evicted, twice.
    pub const EVICTION: Self = Self { evictions: 2, ..Self::NONE };
    /// A writer dies.
    pub const CRASH: Self = Self { crashes: 1, ..Self::NONE };
    /// Announcing fails, and clearing too, or announcing for both writers; `cache-monitor` finishes the outbox.
    pub const MONITOR: Self = Self { silences: 2, monitor: true, ..Self::NONE };
    /// The same, and the environment that has noticed finishes the outbox.
    pub const CATCHING_UP: Self = Self { silences: 2, catches_up: true, ..Self::NONE };
    /// The same with `cache-monitor`, and what had no answer arrives later: Redis was stopped, and goes on.
    pub const STOPPED: Self = Self { arrives_late: true, ..Self::MONITOR };
    /// Announcing or clearing fails, and arrives later; the environment that has noticed finishes the outbox.
    pub const LATE: Self = Self { silences: 1, arrives_late: true, catches_up: true, ..Self::NONE };
    /// Announcing fails, and the writer dies.
    pub const OUTBOX_ALONE: Self = Self { silences: 1, crashes: 1, monitor: true, ..Self::NONE };
    /// A statement is refused.
    pub const ROLLBACK: Self = Self { refusals: 1, ..Self::NONE };
    /// Commands are sent twice.
    pub const REPETITION: Self = Self { repetitions: 2, ..Self::NONE };
    /// A writer dies, and its client tries again.
    pub const RETRY: Self = Self { crashes: 1, retries: 1, ..Self::NONE };
    /// Two faults at once, against which nothing is promised.
    pub const EVICTION_AND_CRASH: Self = Self { evictions: 1, crashes: 1, ..Self::NONE };

    /// The faults that the protocol withstands, with their names.
    pub const SINGLE: [(&str, Self); 11] = [
        ("no fault", Self::NONE),
        ("eviction", Self::EVICTION),
        ("writer crash", Self::CRASH),
        ("marker failed, cache-monitor drains", Self::MONITOR),
        ("marker failed, its environment drains", Self::CATCHING_UP),
        ("marker failed, cache-monitor drains, both arrive later", Self::STOPPED),
        ("marker failed, its environment drains, one arrives later", Self::LATE),
        ("marker failed, writer crash", Self::OUTBOX_ALONE),
        ("rollback", Self::ROLLBACK),
        ("command sent twice", Self::REPETITION),
        ("write tried again", Self::RETRY),
    ];
}
