//! What a board is besides a gateway, as functions over values: which file of the card counts, what the programs beside the
//! gateway are told (access point, addresses, names, uplink), and what the card tells its person.
//!
//! Never touches a file, a socket or a clock; that is `cli/board/`. No text made here can hold more lines or words than it
//! means to, whatever a person wrote.
//! Entry types: [`texts`] and [`Text`].

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod addresses;
mod choice;
mod environment;
mod report;
mod sentences;
mod sntp;
mod texts;
mod time;
mod wireless;

pub(crate) use choice::{Candidate, Choice, Content, HEAD, NAME, STATUS_NAME, choose};
pub(crate) use report::{Card, Facts, Gateway, Interface, Pace, Report, report};
pub(crate) use sentences::{Standing, clear, lost, perhaps_clear, sentence, sentences};
pub(crate) use sntp::{PORT as NTP_PORT, Refused, Sample, question, read as read_answer};
pub(crate) use texts::{Setting, texts};
pub(crate) use time::{ClockState, Jury, TOLERABLE, Trouble, Verdict};
