//! `multipart/byteranges`: several ranges in one answer (RFC 9110 §14.6, §15.3.7.2).

use crate::http::range::{ByteRange, ContentRange, RangeSet};

/// Several ranges of one representation, each with a head of its own.
pub(super) struct Multipart {
    ranges: RangeSet,
    total: u64,
    /// `Content-Type: … CRLF` of the representation, where that is known.
    media_type: Vec<u8>,
    boundary: String,
}

impl Multipart {
    /// `random` makes a boundary that does not stand in the bytes, as far as chance can see to that.
    pub(super) fn new(ranges: RangeSet, total: u64, media_type: Option<&[u8]>, random: u64) -> Multipart {
        let line = |value: &[u8]| [b"Content-Type: ", value, b"\r\n"].concat();
        Multipart {
            ranges,
            total,
            media_type: media_type.map(line).unwrap_or_default(),
            boundary: format!("part-{random:016x}"),
        }
    }

    /// The line that takes the place of the representation's own.
    pub(super) fn content_type(&self) -> String {
        format!("Content-Type: multipart/byteranges; boundary={}\r\n", self.boundary)
    }

    pub(super) fn ranges(&self) -> &[ByteRange] {
        &self.ranges
    }

    /// What stands before the bytes of a range.
    pub(super) fn delimiter(&self, range: ByteRange) -> Vec<u8> {
        let content_range = ContentRange { range: Some(range), total: Some(self.total) };
        let mut out = format!("\r\n--{}\r\n", self.boundary).into_bytes();
        out.extend_from_slice(&self.media_type);
        out.extend_from_slice(format!("Content-Range: {content_range}\r\n\r\n").as_bytes());
        out
    }

    /// What stands behind the last one.
    pub(super) fn end(&self) -> Vec<u8> {
        format!("\r\n--{}--\r\n", self.boundary).into_bytes()
    }

    /// Bytes of all of it.
    pub(super) fn len(&self) -> u64 {
        let part = |range: &ByteRange| range.len().saturating_add(self.delimiter(*range).len() as u64);
        self.ranges.iter().map(part).fold(self.end().len() as u64, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_long_as_it_says() {
        let ranges: RangeSet = [(0, 1), (5, 7)].map(|(first, last)| ByteRange { first, last }).into_iter().collect();
        let parts = Multipart::new(ranges, 10, Some(b"text/plain"), 0xabc);
        let mut whole = Vec::new();
        for range in parts.ranges() {
            whole.extend(parts.delimiter(*range));
            whole.extend(&b"0123456789"[range.first as usize..=range.last as usize]);
        }
        whole.extend(parts.end());
        assert_eq!(whole.len() as u64, parts.len());
        let expected = "\r\n--part-0000000000000abc\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\
            \r\n--part-0000000000000abc\r\nContent-Type: text/plain\r\nContent-Range: bytes 5-7/10\r\n\r\n567\
            \r\n--part-0000000000000abc--\r\n";
        assert_eq!(String::from_utf8(whole).unwrap(), expected);
    }
}
