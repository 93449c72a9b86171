//! The head record of a stored answer: the bytes of it, to and from.
//!
//! ```text
//! 0   u16  status
//! 2   u16  0
//! 4   u32  length of the key's text
//! 8   u32  length of the selecting names; 0 where the answer has no Vary
//! 12  u32  length of the selecting values
//! 16  u32  length of the fields
//! 20  u32  length of the trailers
//! 24       these five, one after the other
//! ```

use xxhash_rust::xxh3::xxh3_128;

use super::format::{MOST_HEAD, Put, Take};
use crate::cache::vary::{Names, Selection};
use crate::http::{FieldSpans, Fields, date, etag};

const FIXED: usize = 24;

/// What is kept of an answer beside its body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cache) struct HeadRecord {
    pub(in crate::cache) key: Box<[u8]>,
    pub(in crate::cache) status: u16,
    pub(in crate::cache) selection: Option<Selection>,
    /// `Name: value CRLF` lines.
    pub(in crate::cache) fields: Box<[u8]>,
    pub(in crate::cache) trailers: Box<[u8]>,
}

impl HeadRecord {
    /// `None`: too long to be kept.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let (names, values): (&[u8], &[u8]) = match &self.selection {
            Some(selection) => (selection.names.as_bytes(), &selection.values),
            None => (&[], &[]),
        };
        let parts = [&*self.key, names, values, &*self.fields, &*self.trailers];
        let mut fixed = [0; FIXED];
        let mut out = Put { rest: &mut fixed };
        out.u16(self.status);
        out.u16(0);
        for part in parts {
            out.bytes(&u32::try_from(part.len()).ok()?.to_le_bytes());
        }
        let bytes = [&fixed[..], &parts.concat()].concat();
        u32::try_from(bytes.len()).is_ok_and(|len| len <= MOST_HEAD).then_some(bytes)
    }

    /// Whether the origin can be asked for the rest of just this representation: it is a plain answer with a strong
    /// validator (RFC 9111 §3.4, RFC 9110 §13.1.5). A `Last-Modified` is strong when the answer is later (§8.8.2.2).
    pub(super) fn can_be_resumed(&self) -> bool {
        let Ok(spans) = FieldSpans::parse(&self.fields) else { return false };
        let fields = Fields::new(&self.fields, spans.as_slice());
        let sole = |name| fields.sole(name).ok().flatten();
        let strong = match sole("etag").and_then(etag::parse) {
            Some(tag) => !tag.weak,
            None => match (sole("last-modified").and_then(date::parse), sole("date").and_then(date::parse)) {
                (Some(modified), Some(seen)) => modified.as_seconds() < seen.as_seconds(),
                (None, _) | (_, None) => false,
            },
        };
        self.status == 200 && strong
    }

    /// The location of the key: where the list of variants is, for an answer that is one of them.
    pub(super) fn primary(&self, location: u128) -> u128 {
        if self.selection.is_some() { xxh3_128(&self.key) } else { location }
    }

    /// `None` for everything that [`HeadRecord::encode`] would not have written, or that could not be sent.
    pub(super) fn decode(bytes: &[u8]) -> Option<HeadRecord> {
        let mut from = Take { rest: bytes };
        let status = from.u16()?;
        from.u16()?;
        let mut part = || usize::try_from(from.u32()?).ok();
        let (key, names, values, fields, trailers) = (part()?, part()?, part()?, part()?, part()?);
        let key = from.bytes(key)?.into();
        let (names, values) = (from.bytes(names)?, from.bytes(values)?);
        let selection = match names {
            [] => None,
            names => Some(Selection { names: Names::from_stored(names)?, values: values.into() }),
        };
        let (fields, trailers) = (from.bytes(fields)?, from.bytes(trailers)?);
        let sendable = FieldSpans::parse(fields).is_ok() && FieldSpans::parse(trailers).is_ok();
        if !from.rest.is_empty() || !sendable || !(200..=999).contains(&status) {
            return None;
        }
        Some(HeadRecord { key, status, selection, fields: fields.into(), trailers: trailers.into() })
    }
}
