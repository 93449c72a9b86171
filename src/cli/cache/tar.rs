//! As much of the tar format (POSIX ustar) as an export needs: plain files, one after the other. What comes from
//! elsewhere may be anything: everything but plain files with a whole head is refused.

use std::io::{self, Read, Write};

pub(super) const BLOCK: u64 = 512;
/// Places of the fields of a head.
const NAME: std::ops::Range<usize> = 0..100;
const MODE: std::ops::Range<usize> = 100..108;
const UID: std::ops::Range<usize> = 108..116;
const GID: std::ops::Range<usize> = 116..124;
const SIZE: std::ops::Range<usize> = 124..136;
const TIME: std::ops::Range<usize> = 136..148;
const SUM: std::ops::Range<usize> = 148..156;
const KIND: usize = 156;
const MAGIC: std::ops::Range<usize> = 257..265;
/// In front of a number that has no room in octal digits (8 GB): GNU's and everybody's way.
const BINARY: u8 = 0x80;
/// Not more than a file can be; keeps all arithmetic far from overflowing.
const MOST: u64 = 1 << 50;

/// A file in an archive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) size: u64,
}

/// What stands at a place of an archive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Entry {
    File(Member),
    /// Two empty blocks, or the first of them.
    End,
    /// The archive is over before its end.
    Cut,
    /// Not what this program writes: in words.
    Foreign(String),
}

impl Member {
    pub(super) fn head(&self) -> [u8; BLOCK as usize] {
        let mut head = [0; BLOCK as usize];
        let mut put = |place: std::ops::Range<usize>, text: &[u8]| {
            if let Some(place) = head.get_mut(place).and_then(|place| place.get_mut(..text.len())) {
                place.copy_from_slice(text);
            }
        };
        put(NAME, self.name.as_bytes());
        put(MODE, b"0000644");
        put(UID, b"0000000");
        put(GID, b"0000000");
        put(SIZE, &number(self.size));
        put(TIME, b"00000000000");
        put(SUM, b"        ");
        put(KIND..KIND + 1, b"0");
        put(MAGIC, b"ustar\x0000");
        let sum = format!("{:06o}\0 ", head.iter().map(|byte| u32::from(*byte)).sum::<u32>());
        if let Some(place) = head.get_mut(SUM) {
            place.copy_from_slice(sum.as_bytes());
        }
        head
    }

    /// Bytes that follow the contents, up to a whole block.
    pub(super) fn padding(&self) -> u64 {
        self.size.next_multiple_of(BLOCK) - self.size
    }

    /// Head, contents and padding.
    pub(super) fn len(&self) -> u64 {
        BLOCK + self.size.next_multiple_of(BLOCK)
    }
}

pub(super) fn write_padding(member: &Member, to: &mut dyn Write) -> io::Result<()> {
    io::copy(&mut io::repeat(0).take(member.padding()), to).map(drop)
}

pub(super) fn write_end(to: &mut dyn Write) -> io::Result<()> {
    to.write_all(&[0; 2 * BLOCK as usize])
}

/// Reads the head at this place.
pub(super) fn read_head(from: &mut dyn Read) -> io::Result<Entry> {
    let mut head = [0; BLOCK as usize];
    match from.read_exact(&mut head) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Entry::Cut),
        outcome => outcome?,
    }
    Ok(parse(&head).unwrap_or_else(|why| Entry::Foreign(why.to_owned())))
}

fn parse(head: &[u8; BLOCK as usize]) -> Result<Entry, &'static str> {
    if head.iter().all(|byte| *byte == 0) {
        return Ok(Entry::End);
    }
    let field = |place: std::ops::Range<usize>| head.get(place).unwrap_or_default();
    let blank = |at: usize, byte: u8| if SUM.contains(&at) { b' ' } else { byte };
    let sum: u64 = head.iter().enumerate().map(|(at, byte)| u64::from(blank(at, *byte))).sum();
    if octal(field(SUM)) != Some(sum) {
        return Err("a head that is not what was written");
    }
    if !field(MAGIC).starts_with(b"ustar") || !matches!(head.get(KIND), Some(b'0' | 0)) {
        return Err("something else than a plain file: a folder, a link or a device");
    }
    let name = field(NAME).split(|byte| *byte == 0).next().unwrap_or_default();
    let name = std::str::from_utf8(name).map_err(|_| "a name that is no text")?.to_owned();
    let size = size(field(SIZE)).filter(|size| *size <= MOST).ok_or("a size that cannot be")?;
    Ok(Entry::File(Member { name, size }))
}

fn number(size: u64) -> [u8; 12] {
    let mut field = [0; 12];
    if size < 1 << 33 {
        field.get_mut(..11).unwrap_or_default().copy_from_slice(format!("{size:011o}").as_bytes());
    } else {
        field.get_mut(4..).unwrap_or_default().copy_from_slice(&size.to_be_bytes());
        field[0] = BINARY;
    }
    field
}

fn size(field: &[u8]) -> Option<u64> {
    match field.split_first() {
        Some((&BINARY, rest)) => {
            let (high, low) = rest.split_at_checked(3)?;
            let low = low.try_into().ok().map(u64::from_be_bytes);
            low.filter(|_| high.iter().all(|byte| *byte == 0))
        }
        Some(_) => octal(field),
        None => None,
    }
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    u64::from_str_radix(text, 8).ok().filter(|_| !text.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for size in [0, 1, 512, (1 << 33) - 1, 1 << 33, 1 << 45] {
            let member = Member { name: "objects/x".to_owned(), size };
            assert_eq!(read_head(&mut &member.head()[..]).unwrap(), Entry::File(member));
        }
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        let member = Member { name: "a".to_owned(), size: 7 };
        let resummed = |mut head: [u8; 512]| {
            head[SUM].copy_from_slice(b"        ");
            let sum = format!("{:06o}\0 ", head.iter().map(|byte| u32::from(*byte)).sum::<u32>());
            head[SUM].copy_from_slice(sum.as_bytes());
            head
        };
        let check = |change: &dyn Fn(&mut [u8; 512]), sum: bool| {
            let mut head = member.head();
            change(&mut head);
            let head = if sum { resummed(head) } else { head };
            assert!(matches!(read_head(&mut &head[..]).unwrap(), Entry::Foreign(_)));
        };
        check(&|head| head[3] ^= 1, false);
        for kind in *b"1234567gxL" {
            check(&|head| head[KIND] = kind, true);
        }
        check(&|head| head[MAGIC].fill(0), true);
        check(&|head| head[SIZE].copy_from_slice(b"99999999999\0"), true);
        check(&|head| head[SIZE].fill(0xff), true);
        check(&|head| head[NAME].fill(0xff), true);
        assert_eq!(read_head(&mut &[0; 512][..]).unwrap(), Entry::End);
        assert_eq!(read_head(&mut &[1; 100][..]).unwrap(), Entry::Cut);
    }
}
