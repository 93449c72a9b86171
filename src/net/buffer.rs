//! What was read and not yet used.

use std::io;

use crate::net::Stream;

/// A read buffer. It borrows memory from a pool of its thread only while it holds bytes, so an idle connection has none.
#[derive(Default)]
pub(crate) struct Buffer {
    block: Box<[u8]>,
    start: u32,
    end: u32,
}

/// What one read brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Filled {
    /// So many bytes more.
    Bytes(usize),
    /// The peer ended its side in order.
    End,
    /// The buffer holds as many bytes as it may: use some before reading more.
    Full,
}

impl Buffer {
    pub(crate) fn new() -> Buffer {
        Buffer::default()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        todo!()
    }

    pub(crate) fn len(&self) -> usize {
        todo!()
    }

    pub(crate) fn is_empty(&self) -> bool {
        todo!()
    }

    /// Takes the first `count` bytes out. The memory goes back to the pool with the last byte.
    pub(crate) fn consume(&mut self, count: usize) {
        todo!()
    }

    /// Waits until there is something to read, and reads it. While waiting with nothing in it the buffer holds no
    /// memory. It grows up to `ceiling` when more does not fit.
    pub(crate) fn fill<'a>(
        &'a mut self,
        stream: &'a mut Stream,
        ceiling: usize,
    ) -> impl Future<Output = io::Result<Filled>> + Unpin + use<'a> {
        std::future::ready(todo!())
    }

    /// As [`Buffer::fill`] without waiting: `WouldBlock` where nothing is there.
    pub(crate) fn try_fill(&mut self, stream: &mut Stream, ceiling: usize) -> io::Result<Filled> {
        todo!()
    }
}
