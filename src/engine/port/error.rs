//! Why an engine gave no answer.

/// Why an engine gave no answer, with the words to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// No connection, or it broke: whether a request took effect is not known.
    #[error("{host}: {cause}")]
    Unreachable {
        /// The engine's address.
        host: String,
        /// What went wrong, in the system's words.
        cause: String,
    },
    /// 404: the object is not there (any more).
    #[error("{0}")]
    NotFound(String),
    /// 409: something stands in the way.
    #[error("{0}")]
    Conflict(String),
    /// The engine does not have this request (Podman has no build cache).
    #[error("{0}")]
    NotSupported(String),
    /// Any other refusal, with its status and the engine's words.
    #[error("{message} (status {status})")]
    Refused {
        /// The status of the answer.
        status: u16,
        /// The engine's words.
        message: String,
    },
    /// What answers is no engine but a proxy before it, which lets this request not through, or reaches nobody.
    #[error("{}", barred(*status, request))]
    Barred {
        /// The status of the answer.
        status: u16,
        /// What was asked.
        request: String,
    },
    /// An answer that cannot be read.
    #[error("{request}: the answer cannot be read: {cause}")]
    Garbled {
        /// What was asked.
        request: String,
        /// What went wrong, in the system's words.
        cause: String,
    },
    /// No answer within the time that this request is given.
    #[error("{request}: no answer within {seconds} s")]
    TimedOut {
        /// What was asked.
        request: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The engine tells nothing of this container, though it answers otherwise.
    #[error(
        "container {container}: the engine tells nothing of it within {seconds} s; is a docker cp of it not read to its end?"
    )]
    Stalled {
        /// Its ID.
        container: String,
        /// How long was waited.
        seconds: u64,
    },
    /// `--read-only`: nothing was sent, or written ([`super::gate::Gate`]).
    #[error("read-only: {request} was not done")]
    ReadOnly {
        /// What was asked.
        request: String,
    },
    /// The engine's folder on this machine cannot be read to its end.
    #[error("the engine's folder cannot be read: {0}")]
    Unreadable(String),
    /// Copies were wanted, and there is no place for them.
    #[error("nothing was removed: {0}")]
    NoPlace(String),
}

impl EngineError {
    /// Returns true for what nobody may do here, whatever object it is about: an authorization plugin or a proxy says
    /// so, and would say so again.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        match self {
            Self::Barred { status, .. } => !is_gateway(*status),
            Self::Refused { status, .. } => matches!(status, 401 | 403 | 405 | 407),
            _ => false,
        }
    }

    /// Returns true for what is the trouble of one object: it went meanwhile, or the engine cannot read it (`layer … was
    /// not found (corruption?)`, 500). Whatever else refuses one refuses others of its kind.
    #[must_use]
    pub fn is_of_object(&self) -> bool {
        match self {
            Self::NotFound(_) | Self::Conflict(_) | Self::NotSupported(_) => true,
            Self::Refused { status, .. } => *status == 500,
            _ => false,
        }
    }
}

/// Returns true for a proxy's status that says that nobody answered it.
fn is_gateway(status: u16) -> bool {
    matches!(status, 502..=504)
}

fn barred(status: u16, request: &str) -> String {
    if is_gateway(status) {
        format!("a proxy in between gets no answer to {request} ({status})")
    } else {
        format!("a proxy in between refuses {request} ({status})")
    }
}
