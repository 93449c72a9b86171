//! Error answers.

use std::fmt;

use super::Trouble;
use crate::http::Fields;

/// What an error answer is made from.
#[derive(Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) trouble: Trouble,
    pub(crate) status: u16,
    /// The client's fields (`Accept`, `Accept-Language`); nothing where the head could not be read.
    pub(crate) fields: Option<Fields<'a>>,
    /// The gateway's `languages`.
    pub(crate) languages: &'a [String],
    /// The gateway's `name`.
    pub(crate) gateway: &'a str,
    pub(crate) request_id: Option<&'a dyn fmt::Display>,
}

/// An answer in the gateway's own words. Send it with `Cache-Control: no-store` and `Vary: Accept, Accept-Language`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Page {
    pub(crate) content_type: &'static str,
    pub(crate) language: Option<&'static str>,
    pub(crate) body: String,
}

/// A page for people, `application/problem+json` (RFC 9457) for programs.
pub(crate) fn trouble_page(told: &Told<'_>) -> Page {
    todo!()
}
