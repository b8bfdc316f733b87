//! The faults that may occur, and their numbers.

/// The faults of each kind that may occur in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Faults {
    /// The number of keys that Redis evicts.
    pub evictions: u8,
    /// The number of times that a writer's environment crashes or does not learn the outcome of its
    /// statement.
    pub crashes: u8,
    /// The number of times that a writer gets no reply from Redis.
    pub timeouts: u8,
    /// Whether a command that got no reply may arrive later.
    pub late_delivery: bool,
    /// Whether `cache-monitor` drains the outbox.
    pub monitor_drains: bool,
    /// Whether the environment that noticed the failure drains the outbox.
    pub environment_drains: bool,
    /// The number of statements that fail.
    pub rollbacks: u8,
    /// The number of commands that are sent again while their first copy is in transit.
    pub resends: u8,
    /// The number of writes that a client sends again.
    pub retries: u8,
}

impl Faults {
    /// No fault occurs at all.
    pub const NONE: Self = Self {
        evictions: 0,
        crashes: 0,
        timeouts: 0,
        late_delivery: false,
        monitor_drains: false,
        environment_drains: false,
        rollbacks: 0,
        resends: 0,
        retries: 0,
    };
    /// The guard or the record is evicted, twice.
    pub const EVICTION: Self = Self { evictions: 2, ..Self::NONE };
    /// The environment of a writer crashes.
    pub const CRASH: Self = Self { crashes: 1, ..Self::NONE };
    /// Announcing and clearing fail, or announcing fails for both writers. `cache-monitor` drains
    /// the outbox.
    pub const MONITOR_DRAINS: Self = Self { timeouts: 2, monitor_drains: true, ..Self::NONE };
    /// The failures of [`Self::MONITOR_DRAINS`]. The environment that noticed them drains the
    /// outbox.
    pub const ENVIRONMENT_DRAINS: Self = Self { timeouts: 2, environment_drains: true, ..Self::NONE };
    /// The failures of [`Self::MONITOR_DRAINS`], after which the commands arrive: Redis was paused
    /// and resumes.
    pub const REDIS_PAUSED: Self = Self { late_delivery: true, ..Self::MONITOR_DRAINS };
    /// Announcing or clearing fails, and the command arrives later. The environment that noticed
    /// the failure drains the outbox.
    pub const LATE_COMMAND: Self = Self { timeouts: 1, late_delivery: true, environment_drains: true, ..Self::NONE };
    /// Announcing fails and the writer crashes, so that the write is known only from the outbox.
    pub const OUTBOX_ONLY: Self = Self { timeouts: 1, crashes: 1, monitor_drains: true, ..Self::NONE };
    /// A statement fails and is rolled back.
    pub const ROLLBACK: Self = Self { rollbacks: 1, ..Self::NONE };
    /// Commands are sent twice.
    pub const RESEND: Self = Self { resends: 2, ..Self::NONE };
    /// A writer crashes, and its client retries.
    pub const RETRY: Self = Self { crashes: 1, retries: 1, ..Self::NONE };
    /// Two kinds of fault at once. The protocol makes no promise for them.
    pub const EVICTION_AND_CRASH: Self = Self { evictions: 1, crashes: 1, ..Self::NONE };

    /// The faults that the protocol tolerates, with their names.
    pub const TOLERATED: [(&str, Self); 11] = [
        ("no fault", Self::NONE),
        ("eviction", Self::EVICTION),
        ("writer crash", Self::CRASH),
        ("marker failed, cache-monitor drains", Self::MONITOR_DRAINS),
        ("marker failed, its environment drains", Self::ENVIRONMENT_DRAINS),
        ("marker failed, cache-monitor drains, both arrive later", Self::REDIS_PAUSED),
        ("marker failed, its environment drains, one arrives later", Self::LATE_COMMAND),
        ("marker failed, writer crash", Self::OUTBOX_ONLY),
        ("rollback", Self::ROLLBACK),
        ("command sent twice", Self::RESEND),
        ("write retried", Self::RETRY),
    ];
}
