//! What the gateway says to people and programs in its own words: error pages and the status page.
//!
//! Never tells how the gateway or what is behind it looks inside, never uses scripts or anything that must be loaded.
//! Entry types: [`Trouble`], [`Told`] → [`trouble_page`]; [`status_page`], [`status_text`]; [`robots_txt`].

mod error;
mod html;
mod language;
mod robots;
mod status;
mod used_up;
mod words;

pub(crate) use error::{Extension, Fault, Told, trouble_page};
pub(crate) use robots::robots_txt;
pub(crate) use status::{status_page, status_text};
pub(crate) use words::Trouble;
