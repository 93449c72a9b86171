//! What was read and not yet used.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use smol::io::AsyncRead;

use crate::net::Stream;

/// The smallest block; most heads fit into it.
const FIRST: usize = 4 << 10;
/// Sizes of blocks: 4, 8, 16, 32 and 64 KB. A head cannot be longer than the last.
const CLASSES: usize = 5;
/// What a thread keeps of each size, so at most 320 KB in all.
const KEPT_OF_A_CLASS: usize = 64 << 10;
/// Reads that may succeed one after the other before other tasks of the thread have their turn.
const BURST: u8 = 64;

thread_local! {
    /// Blocks that no buffer holds now.
    static POOL: RefCell<[Vec<Box<[u8]>>; CLASSES]> = const { RefCell::new([const { Vec::new() }; CLASSES]) };
}

/// A read buffer. It borrows a block from a pool of its thread only while it holds bytes, so an idle connection has
/// none; what it holds is always one piece.
#[derive(Default)]
pub(crate) struct Buffer {
    block: Box<[u8]>,
    start: u32,
    end: u32,
    /// The size to begin with when next there are bytes: follows how much the peer sends at once.
    class: u8,
    /// Reads that succeeded without waiting.
    burst: u8,
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
        self.block.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        self.block.get_mut(self.start as usize..self.end as usize).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        (self.end as usize).saturating_sub(self.start as usize)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the first `count` bytes out. The block goes back to the pool with the last of them.
    pub(crate) fn consume(&mut self, count: usize) {
        if count >= self.len() {
            self.release();
        } else {
            self.start = self.start.saturating_add(narrow(count));
        }
    }

    /// Puts bytes in front of those that are there, as if they were to come still. However many they are: the block
    /// that holds them is given to nobody else.
    pub(crate) fn put_back(&mut self, bytes: &[u8]) {
        let all = [bytes, self.bytes()].concat();
        self.release();
        self.end = narrow(all.len());
        self.block = all.into_boxed_slice();
    }

    /// Waits until there is something to read, and reads it. While waiting with nothing in it the buffer holds no
    /// block. It grows up to `ceiling` (rounded up to a block's size) when more does not fit.
    pub(crate) fn fill<'a>(
        &'a mut self,
        stream: &'a mut Stream,
        ceiling: usize,
    ) -> impl Future<Output = io::Result<Filled>> + Unpin + use<'a> {
        poll_fn(move |cx| self.poll_fill(cx, stream, ceiling))
    }

    /// As [`Buffer::fill`] without waiting: `WouldBlock` where nothing is there, and always in TLS.
    pub(crate) fn try_fill(&mut self, stream: &mut Stream, ceiling: usize) -> io::Result<Filled> {
        if !self.make_room(ceiling) {
            return Ok(Filled::Full);
        }
        let read = stream.try_read(self.room());
        self.filled(read)
    }

    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut Stream,
        ceiling: usize,
    ) -> Poll<io::Result<Filled>> {
        self.burst = self.burst.saturating_add(1);
        if self.burst > BURST {
            self.burst = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if !self.make_room(ceiling) {
            return Poll::Ready(Ok(Filled::Full));
        }
        match Pin::new(stream).poll_read(cx, self.room()) {
            Poll::Ready(read) => Poll::Ready(self.filled(read)),
            Poll::Pending => {
                self.burst = 0;
                self.release_if_empty();
                Poll::Pending
            }
        }
    }

    fn filled(&mut self, read: io::Result<usize>) -> io::Result<Filled> {
        match read {
            Ok(0) => {
                self.release_if_empty();
                Ok(Filled::End)
            }
            Ok(count) => {
                self.end = self.end.saturating_add(narrow(count));
                self.follow(count);
                Ok(Filled::Bytes(count))
            }
            Err(error) => {
                self.release_if_empty();
                Err(error)
            }
        }
    }

    /// A full block asks for a larger one next time, a read that used little of it for a smaller one.
    fn follow(&mut self, count: usize) {
        if self.end as usize == self.block.len() {
            self.class = self.class.saturating_add(1).min(narrow_class(CLASSES.saturating_sub(1)));
        } else if count < self.block.len() / 4 {
            self.class = self.class.saturating_sub(1);
        }
    }

    fn room(&mut self) -> &mut [u8] {
        self.block.get_mut(self.end as usize..).unwrap_or_default()
    }

    /// Sees to it that there is room behind the bytes; false where the ceiling is reached.
    fn make_room(&mut self, ceiling: usize) -> bool {
        let highest = class_of(ceiling);
        if self.block.is_empty() {
            self.block = take(usize::from(self.class).min(highest));
        } else if self.end as usize == self.block.len() {
            if self.start > 0 {
                self.block.copy_within(self.start as usize..self.end as usize, 0);
                self.end = self.end.saturating_sub(self.start);
                self.start = 0;
            } else {
                return self.grow(highest);
            }
        }
        true
    }

    fn grow(&mut self, highest: usize) -> bool {
        let next = class_of(self.block.len()).saturating_add(1);
        if next > highest {
            return false;
        }
        let mut larger = take(next);
        if let Some(front) = larger.get_mut(..self.block.len()) {
            front.copy_from_slice(&self.block);
        }
        give_back(std::mem::replace(&mut self.block, larger));
        true
    }

    fn release_if_empty(&mut self) {
        if self.is_empty() {
            self.release();
        }
    }

    fn release(&mut self) {
        self.start = 0;
        self.end = 0;
        give_back(std::mem::take(&mut self.block));
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.release();
    }
}

/// A block of the pool, for other short work of this room. Give it back with [`give_back`].
pub(super) fn take(class: usize) -> Box<[u8]> {
    let kept = POOL.try_with(|pool| pool.borrow_mut().get_mut(class).and_then(Vec::pop));
    kept.ok().flatten().unwrap_or_else(|| vec![0; size_of_class(class)].into_boxed_slice())
}

pub(super) fn give_back(block: Box<[u8]>) {
    // One that was made for bytes that were put back is of no other use.
    if block.is_empty() || block.len() != size_of_class(class_of(block.len())) {
        return;
    }
    // A thread that is ending has no pool any more; the block is freed.
    let _ = POOL.try_with(|pool| {
        if let Some(kept) = pool.borrow_mut().get_mut(class_of(block.len()))
            && kept.len() < KEPT_OF_A_CLASS / block.len()
        {
            kept.push(block);
        }
    });
}

/// The smallest class that holds `size` bytes, or the largest there is.
pub(super) fn class_of(size: usize) -> usize {
    (0..CLASSES).find(|class| size_of_class(*class) >= size).unwrap_or(CLASSES.saturating_sub(1))
}

fn size_of_class(class: usize) -> usize {
    FIRST << class.min(CLASSES.saturating_sub(1))
}

fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn narrow_class(class: usize) -> u8 {
    u8::try_from(class).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::net::testing::{block_on, pair};

    fn held(buffer: &Buffer) -> usize {
        buffer.block.len()
    }

    #[test]
    fn bytes_come_in_order_and_the_block_goes_with_the_last() {
        block_on(async {
            let (mut stream, mut peer) = pair();
            let mut buffer = Buffer::new();
            peer.write_all(b"GET / HTTP/1.1\r\n").unwrap();
            assert_eq!(buffer.fill(&mut stream, 64 << 10).await.unwrap(), Filled::Bytes(16));
            assert_eq!(buffer.bytes(), b"GET / HTTP/1.1\r\n");
            assert_eq!(held(&buffer), FIRST);
            buffer.consume(4);
            assert_eq!(buffer.bytes(), b"/ HTTP/1.1\r\n");
            buffer.consume(buffer.len());
            assert_eq!(held(&buffer), 0);
            drop(peer);
            assert_eq!(buffer.fill(&mut stream, 64 << 10).await.unwrap(), Filled::End);
            assert_eq!(held(&buffer), 0);
        });
    }

    #[test]
    fn waiting_holds_no_memory() {
        let (mut stream, mut peer) = pair();
        let mut buffer = Buffer::new();
        let refused = buffer.try_fill(&mut stream, FIRST).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(held(&buffer), 0);
        block_on(async {
            let mut polled = false;
            poll_fn(|cx| {
                let filled = buffer.poll_fill(cx, &mut stream, FIRST);
                if !std::mem::replace(&mut polled, true) {
                    assert!(filled.is_pending());
                    assert_eq!(held(&buffer), 0);
                    peer.write_all(b"x").unwrap();
                }
                filled
            })
            .await
            .unwrap();
        });
        assert_eq!(buffer.bytes(), b"x");
    }

    #[test]
    fn it_grows_to_the_ceiling_and_no_further() {
        block_on(async {
            let (mut stream, mut peer) = pair();
            let sent: Vec<u8> = (0..20_000_u32).map(|at| at.to_le_bytes()[0]).collect();
            peer.write_all(&sent).unwrap();
            let mut buffer = Buffer::new();
            while let Filled::Bytes(_) = buffer.fill(&mut stream, 16 << 10).await.unwrap() {}
            assert_eq!(buffer.bytes(), &sent[..16 << 10]);
            buffer.consume(1);
            assert!(matches!(buffer.fill(&mut stream, 16 << 10).await.unwrap(), Filled::Bytes(1)));
            assert_eq!(buffer.bytes(), &sent[1..=16 << 10], "room behind the bytes is made from room before them");
        });
    }

    #[test]
    fn a_stream_of_bytes_is_read_in_larger_blocks() {
        block_on(async {
            let (mut stream, mut peer) = pair();
            let writer = std::thread::spawn(move || peer.write_all(&vec![7; 4 << 20]).unwrap());
            let mut buffer = Buffer::new();
            let (mut largest, mut total) = (0, 0);
            while let Filled::Bytes(count) = buffer.fill(&mut stream, 32 << 10).await.unwrap() {
                largest = largest.max(held(&buffer));
                total += count;
                buffer.consume(count);
            }
            assert_eq!((largest, total), (32 << 10, 4 << 20));
            writer.join().unwrap();
        });
    }

    #[test]
    fn a_peer_that_always_has_more_lets_other_tasks_run() {
        let (mut stream, mut peer) = pair();
        let mut buffer = Buffer::new();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut in_a_row = 0;
        loop {
            peer.write_all(b"x").unwrap();
            if buffer.poll_fill(&mut cx, &mut stream, FIRST).is_pending() {
                break;
            }
            in_a_row += 1;
        }
        assert_eq!(in_a_row, usize::from(BURST));
        assert!(buffer.poll_fill(&mut cx, &mut stream, FIRST).is_ready());
    }

    #[test]
    fn blocks_are_used_again_and_few_are_kept() {
        let block = take(0);
        let address = block.as_ptr();
        give_back(block);
        let again = take(0);
        assert_eq!(again.as_ptr(), address);
        let many: Vec<_> = (0..100).map(|_| take(0)).collect();
        many.into_iter().for_each(give_back);
        POOL.with(|pool| assert_eq!(pool.borrow()[0].len(), KEPT_OF_A_CLASS / FIRST));
        assert!(size_of::<Buffer>() <= 32);
    }
}
