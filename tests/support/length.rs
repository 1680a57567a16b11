//! How long a test takes, which decides when it runs.

/// The variable by which longer tests are asked for.
const ASKS: &str = "DTOP_LONG";

/// When a test runs, or a scene of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Length {
    /// With every `cargo test`.
    Short,
    /// With `DTOP_LONG=1`, as `.ci/run` does: what a change is held to before it is taken.
    Long,
    /// With `DTOP_LONG=2`: searches that take hours and are as good on any day.
    Search,
}

impl Length {
    /// True if what takes so long is to run.
    pub fn is_asked_for(self) -> bool {
        let said = std::env::var(ASKS).unwrap_or_default();
        let longest = match said.as_str() {
            "" | "0" => Self::Short,
            "2" => Self::Search,
            _ => Self::Long,
        };
        self <= longest
    }

    /// What asks for it, for those who wonder why it did not run.
    pub fn how(self) -> &'static str {
        match self {
            Self::Short => "it runs always",
            Self::Long => "DTOP_LONG=1 runs it",
            Self::Search => "DTOP_LONG=2 runs it, for a long time",
        }
    }
}
