//! What the login's own ssh is told beside the user's settings.
//!
//! Who one is, how the host is reached and which keys are believed is the user's. Settings for sessions that
//! somebody sits at are not for this one: they would run something else in it, take its input, send it to the
//! background or leave it behind.

use super::Target;

/// How long a connection may take to be made. Logging in comes on top of that.
const CONNECT: &str = "ConnectTimeout=15";

/// Options that every OpenSSH of the last ten years knows. What stands on the command line holds whatever the
/// files say.
const OWN: [&str; 8] = [
    "ControlPersist=no",
    // What the user's settings forward is for the user's own sessions. Ports, sockets and tunnels.
    "ClearAllForwardings=yes",
    CONNECT,
    // Others are made by whoever asks again.
    "ConnectionAttempts=1",
    // A host that is gone is noticed within a minute.
    "ServerAliveInterval=15",
    "ServerAliveCountMax=3",
    // A command on this machine, which ssh waits for.
    "PermitLocalCommand=no",
    // With less there is no reason to tell, and with more there are too many.
    "LogLevel=INFO",
];

/// Options that came later, with the version that brought them, newest first. To an ssh that does not know
/// one it is an error, and `IgnoreUnknown` would replace the user's own, without which theirs may not be read.
const LATER: [((u8, u8), &str); 6] = [
    ((8, 7), SESSION),
    ((8, 7), "ForkAfterAuthentication=no"),
    ((8, 7), "StdinNull=no"),
    ((7, 6), "RemoteCommand=none"),
    // It would ask while the terminal shows something else. What is believed stays what it is.
    ((6, 8), "UpdateHostKeys=no"),
    // Without the right to write nobody could use the engine's socket on this side.
    ((6, 7), "StreamLocalBindMask=0177"),
];

const SESSION: &str = "SessionType=default";

/// What the login's own session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Shell,
    /// None: it is there for others.
    Sessions,
}

/// Which of the later options the ssh on this machine knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KnownOptions {
    /// None that came with this version or after it.
    below: (u8, u8),
}

impl Default for KnownOptions {
    fn default() -> Self {
        Self {
            below: (u8::MAX, u8::MAX),
        }
    }
}

impl KnownOptions {
    /// Returns what is known to an ssh that said this of an option, if it said that of one: `command-line: line 0:
    /// Bad configuration option: sessiontype`. It says so before it connects.
    pub(super) fn after(self, words: &str) -> Option<Self> {
        let (_, name) = words.split_once("Bad configuration option: ")?;
        let name = name.split_whitespace().next()?;
        let is_it = |option: &str| {
            let (own, _) = option.split_once('=').unwrap_or((option, ""));
            own.eq_ignore_ascii_case(name)
        };
        let (below, _) = self.later().find(|(_, option)| is_it(option))?;
        Some(Self { below })
    }

    fn later(self) -> impl Iterator<Item = ((u8, u8), &'static str)> {
        LATER
            .into_iter()
            .filter(move |(since, _)| *since < self.below)
    }

    /// Returns the words for a login: no terminal, no display, and these options.
    pub(super) fn words(self, target: &Target, own: Use) -> Vec<String> {
        let mut words = vec!["-T".to_owned(), "-x".to_owned()];
        // `-N` says it otherwise, and takes no second word on it.
        if own == Use::Sessions {
            words.push("-N".to_owned());
        }
        let later = self.later().map(|(_, option)| option);
        let later = later.filter(|option| own == Use::Shell || *option != SESSION);
        for option in OWN.into_iter().chain(later) {
            words.extend(["-o".to_owned(), option.to_owned()]);
        }
        words.extend(target.options());
        words
    }
}

#[cfg(test)]
mod tests;
