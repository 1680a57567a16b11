//! How a removal goes on, told as it does.

use super::account::Account;
use super::outcome::Done;
use crate::domain::bytes::Bytes;
use crate::domain::plan::Plan;

/// How a removal goes on.
#[derive(Clone, Debug)]
pub enum Event {
    /// The engine is listed again.
    Checking,
    /// The plan as it will be carried out, which is never more than what was confirmed, and what fell out of it.
    Checked {
        /// What will be carried out.
        plan: Box<Plan>,
        /// What will not be tried any more, and why.
        dropped: Vec<Done>,
    },
    /// A copy of a step's object is being written, of which so much has come.
    Saving {
        /// The step's place in the checked plan.
        index: usize,
        /// What of the copy has been written.
        done: Bytes,
    },
    /// A step of the checked plan begins.
    Started {
        /// The step's place in the checked plan.
        index: usize,
    },
    /// A step has ended.
    Ended {
        /// The step's place in the checked plan.
        index: usize,
        /// How it ended.
        done: Done,
    },
    /// The engine's filesystems have not given back yet what went, and are waited for.
    Waiting {
        /// What the filesystems have gained so far.
        gained: Bytes,
        /// What they were to gain.
        promised: Bytes,
    },
    /// Nothing could be tried: the engine could not be listed.
    Aborted {
        /// Why nothing could be tried.
        error: String,
    },
    /// Every step has ended, and what they freed is being found out, which may take a scan.
    Counting,
    /// What all of it has freed; comes right before the end.
    Accounted(Box<Account>),
    /// Nothing more comes.
    Finished,
}
