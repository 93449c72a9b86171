//! Stand-ins for words of `http` until that room has them.
#![allow(dead_code)]
pub(crate) enum BodyFraming { None, Length(u64), Chunked, UntilClose }
#[derive(Debug)]
pub(crate) struct BadChunk;
#[derive(Debug)]
pub(crate) struct BadResponse;
pub(crate) struct OwnedResponse;
pub(crate) struct HeadLimits;
