//! What a removal comes to: how it goes on ([`event`]), how each step ended ([`outcome`]), what it freed and how that is known ([`account`]), and
//! what the journal tells of it later ([`history`]).

pub mod account;
pub mod event;
pub mod history;
pub mod outcome;
