//! What the gateway says to people and programs in its own words: error pages, the status page, the start page, and the
//! answers to devices that ask for the Internet.
//!
//! Never tells how the gateway or what is behind it looks inside, never uses scripts or anything that must be loaded.
//! Entry types: [`Trouble`], [`Told`] → [`trouble_page`]; [`status_page`], [`status_text`]; [`robots_txt`]; [`probe`];
//! [`Start`] → [`start_page`].

mod error;
mod html;
mod language;
mod probes;
mod robots;
mod start;
mod status;
mod used_up;
mod welcome;
mod words;

pub(crate) use error::{Extension, Fault, Told, trouble_page};
pub(crate) use probes::{Online, ProbeAnswer, probe};
pub(crate) use robots::robots_txt;
pub(crate) use start::{Routes, Signpost, Start, start_page};
pub(crate) use status::{status_page, status_text};
pub(crate) use words::Trouble;
