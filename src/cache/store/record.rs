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

use super::format::{MOST_HEAD, Put, Take};
use crate::cache::vary::{Names, Selection};
use crate::http::FieldSpans;

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
