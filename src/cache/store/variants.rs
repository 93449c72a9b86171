//! The list of a key's variants: which answers with `Vary` there are, and where.
//!
//! It is the head record of the file at the key's own place:
//!
//! ```text
//! u32  length of the key's text
//! u16  number of variants, the newest first
//!      the key's text
//! then for each variant
//! u128 location of its object
//! u32  length of the selecting names
//! u32  length of the selecting values
//!      these two
//! ```

use super::format::{MOST_HEAD, Take};
use crate::cache::vary::{Names, Selection};
use crate::http::Fields;

/// A key with more variants than this is one that varies with its users; the oldest go.
const MOST: usize = 32;
/// Bytes of a list; with very long selecting values there are fewer variants.
const MOST_BYTES: usize = (MOST_HEAD / 2) as usize;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cache) struct Variants {
    pub(super) key: Box<[u8]>,
    /// The newest first.
    list: Vec<Variant>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Variant {
    location: u128,
    selection: Selection,
}

impl Variants {
    pub(super) fn new(key: Box<[u8]>) -> Variants {
        Variants { key, list: Vec::new() }
    }

    /// Where the newest variant is that this request selects.
    pub(in crate::cache) fn find(&self, request: Fields<'_>) -> Option<u128> {
        self.list.iter().find(|variant| variant.selection.matches(request)).map(|variant| variant.location)
    }

    /// Where the variants are that this request might as well have, were it not for the language it asks for; the newest
    /// first. For [`crate::http::accept::negotiate`] while the upstream is out of reach: which languages they are in
    /// is in their own heads.
    pub(in crate::cache) fn in_any_language(&self, request: Fields<'_>) -> impl Iterator<Item = u128> {
        let suits = move |variant: &&Variant| variant.selection.matches_but_for("accept-language", request);
        self.list.iter().filter(suits).map(|variant| variant.location)
    }

    /// The names that selected the newest variant.
    pub(in crate::cache) fn newest(&self) -> Option<&Names> {
        self.list.first().map(|variant| &variant.selection.names)
    }

    pub(super) fn locations(&self) -> impl Iterator<Item = u128> {
        self.list.iter().map(|variant| variant.location)
    }

    pub(super) fn is_first(&self, location: u128, selection: &Selection) -> bool {
        self.list.first().is_some_and(|first| first.location == location && first.selection == *selection)
    }

    pub(super) fn has(&self, location: u128) -> bool {
        self.locations().any(|listed| listed == location)
    }

    /// Puts a variant first, and gives the locations of those that must go for it.
    pub(super) fn add(&mut self, location: u128, selection: Selection) -> Vec<u128> {
        self.list.retain(|variant| variant.location != location);
        self.list.insert(0, Variant { location, selection });
        let mut gone = Vec::new();
        while self.list.len() > MOST || (self.list.len() > 1 && self.encode().len() > MOST_BYTES) {
            gone.extend(self.list.pop().map(|variant| variant.location));
        }
        gone
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
        let mut out = Vec::new();
        out.extend_from_slice(&length(&self.key));
        out.extend_from_slice(&u16::try_from(self.list.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend_from_slice(&self.key);
        for Variant { location, selection } in &self.list {
            let names = selection.names.as_bytes();
            out.extend_from_slice(&location.to_le_bytes());
            out.extend_from_slice(&length(names));
            out.extend_from_slice(&length(&selection.values));
            out.extend_from_slice(names);
            out.extend_from_slice(&selection.values);
        }
        out
    }

    /// `None` for everything that [`Variants::encode`] would not have written.
    pub(super) fn decode(bytes: &[u8]) -> Option<Variants> {
        let mut from = Take { rest: bytes };
        let (key, count) = (usize::try_from(from.u32()?).ok()?, usize::from(from.u16()?));
        let key = from.bytes(key)?.into();
        if count > MOST {
            return None;
        }
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            let location = from.u128()?;
            let (names, values) = (usize::try_from(from.u32()?).ok()?, usize::try_from(from.u32()?).ok()?);
            let names = Names::from_stored(from.bytes(names)?)?;
            let values = from.bytes(values)?.into();
            list.push(Variant { location, selection: Selection { names, values } });
        }
        from.rest.is_empty().then_some(Variants { key, list })
    }
}
