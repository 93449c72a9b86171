//! Streams of the reference tools (`tests/golden/codings`), whole, in pieces, cut off and damaged.

use super::{BadCoding, Coding, Decoder};

use Coding::{Br, Deflate, Gzip, Zstd};

/// More room than any of the short streams fills.
const ROOMY: usize = 1 << 20;

macro_rules! golden {
    ($name:literal) => {
        ($name, include_bytes!(concat!("../../tests/golden/codings/", $name)).as_slice())
    };
}

/// Every stream of [`text`].
const TEXTS: [(Coding, (&str, &[u8])); 13] = [
    (Gzip, golden!("text.gz")),
    (Gzip, golden!("header.gz")),
    (Gzip, golden!("members.gz")),
    (Gzip, golden!("padded.gz")),
    (Gzip, golden!("flushed.gz")),
    (Deflate, golden!("text.zlib")),
    (Deflate, golden!("text.deflate")),
    (Br, golden!("text.br")),
    (Br, golden!("fast.br")),
    (Br, golden!("flushed.br")),
    (Zstd, golden!("text.zst")),
    (Zstd, golden!("plain.zst")),
    (Zstd, golden!("frames.zst")),
];

/// Streams of [`long`], whose windows are all shorter than it.
const LONGS: [(Coding, (&str, &[u8])); 4] = [
    (Gzip, golden!("long.gz")),
    (Deflate, golden!("long.zlib")),
    (Br, golden!("long.br")),
    (Zstd, golden!("long.zst")),
];

const EMPTIES: [(Coding, (&str, &[u8])); 3] =
    [(Gzip, golden!("empty.gz")), (Br, golden!("empty.br")), (Zstd, golden!("empty.zst"))];

fn text() -> Vec<u8> {
    let lines = (0..60).map(|i| format!("{i} {} water at the well\n", i * i * 7919 % 1000));
    lines.collect::<String>().into_bytes()
}

/// 300 times the same 3,000 bytes of noise, numbered.
fn long() -> Vec<u8> {
    let mut noise = Noise(0x2545_f491);
    let same: Vec<u8> = (0..3000).map(|_| noise.next() as u8).collect();
    (0..300).flat_map(|i| [same.clone(), format!("{i}\n").into_bytes()].concat()).collect()
}

struct Noise(u32);

impl Noise {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    fn below(&mut self, most: usize) -> usize {
        self.next() as usize % most
    }
}

/// What a body that comes in these pieces is decoded to, and how it ends.
fn decoded<'a>(
    coding: Coding,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    max_out: usize,
) -> (Vec<u8>, Result<(), BadCoding>) {
    let mut decoder = Decoder::new(coding);
    let mut all = Vec::new();
    for piece in pieces {
        if let Err(bad) = feed(&mut decoder, piece, &mut all, max_out) {
            assert_eq!(decoder.finish(), Err(bad), "what failed stays so");
            return (all, Err(bad));
        }
    }
    (all, decoder.finish())
}

fn feed(decoder: &mut Decoder, piece: &[u8], all: &mut Vec<u8>, max_out: usize) -> Result<(), BadCoding> {
    let mut rest = piece;
    loop {
        let mut out = b"before".to_vec();
        let taken = decoder.decode(rest, &mut out, max_out);
        let given = out.strip_prefix(b"before").expect("what is there stays there");
        all.extend_from_slice(given);
        rest = &rest[taken?..];
        assert!(given.len() <= max_out);
        if given.len() < max_out {
            assert!(rest.is_empty(), "fewer bytes than fit: all was taken");
            return Ok(());
        }
    }
}

fn whole(coding: Coding, bytes: &[u8]) -> (Vec<u8>, Result<(), BadCoding>) {
    decoded(coding, [bytes], ROOMY)
}

#[test]
fn the_reference_tools_streams_are_decoded() {
    for (coding, (name, bytes)) in TEXTS {
        assert_eq!(whole(coding, bytes), (text(), Ok(())), "{name}");
    }
    for (coding, (name, bytes)) in LONGS {
        assert!(whole(coding, bytes) == (long(), Ok(())), "{name}");
        assert!(decoded(coding, bytes.chunks(1000), 5000) == (long(), Ok(())), "{name} in pieces");
    }
    for (coding, (name, bytes)) in EMPTIES {
        assert_eq!(whole(coding, bytes), (Vec::new(), Ok(())), "{name}");
    }
    let (name, stored) = golden!("stored.gz");
    assert_eq!(whole(Gzip, stored), (text()[..200].to_vec(), Ok(())), "{name}");
    for coding in Coding::ALL {
        assert_eq!(whole(coding, b""), (Vec::new(), Ok(())), "no content at all, {coding}");
    }
}

#[test]
fn pieces_make_no_difference() {
    let text = text();
    for (coding, (name, bytes)) in TEXTS {
        for at in 0..=bytes.len() {
            let (one, other) = bytes.split_at(at);
            assert_eq!(decoded(coding, [one, other], ROOMY), (text.clone(), Ok(())), "{name} cut at {at}");
        }
        for (piece, max_out) in [(1, ROOMY), (1, 1), (ROOMY, 1), (7, 13), (ROOMY, 700), (3, 16 << 10)] {
            let found = decoded(coding, bytes.chunks(piece), max_out);
            assert_eq!(found, (text.clone(), Ok(())), "{name} in pieces of {piece} and {max_out}");
        }
    }
}

#[test]
fn a_body_that_ends_early_is_never_whole() {
    let text = text();
    for (coding, (name, bytes)) in TEXTS {
        for end in 1..bytes.len() {
            let (found, ended) = whole(coding, &bytes[..end]);
            assert!(text.starts_with(&found), "{name} up to {end}");
            match ended {
                Err(bad) => assert_eq!(bad, BadCoding::Truncated, "{name} up to {end}"),
                // One member or frame of several, or all but the padding.
                Ok(()) => assert!(may_end_at(name, end), "{name} is not whole at {end}"),
            }
        }
    }
}

/// Where some of the streams may end, too, and how much of the text they are then.
fn may_end_at(name: &str, end: usize) -> bool {
    match name {
        "members.gz" => [140, 141, 160, 161].contains(&end),
        "padded.gz" => end >= 290,
        "frames.zst" => [140, 152, 161].contains(&end),
        _ => false,
    }
}

#[test]
fn damage_is_found_and_panics_nowhere() {
    let text = text();
    let mut noise = Noise(0x9e37_79b9);
    for (coding, (name, bytes)) in TEXTS {
        let has_sum = (bytes[0] == 0x1f && name != "members.gz") || matches!(name, "text.zlib" | "text.zst");
        for _ in 0..600 {
            let mut damaged = bytes.to_vec();
            for _ in 0..=noise.below(3) {
                let at = noise.below(damaged.len());
                damaged[at] ^= 1 << noise.below(8);
            }
            let (found, ended) = decoded(coding, damaged.chunks(1 + noise.below(400)), 1 + noise.below(5000));
            if has_sum && ended.is_ok() {
                assert_eq!(found, text, "{name} {:?}", damaged.escape_ascii().to_string());
            }
        }
    }
}

#[test]
fn noise_panics_nowhere() {
    let mut noise = Noise(0x1234_5678);
    for (coding, (name, bytes)) in TEXTS {
        for _ in 0..300 {
            let kept = noise.below(bytes.len().min(40));
            let mut damaged = bytes[..kept].to_vec();
            damaged.extend((0..noise.below(300)).map(|_| noise.next() as u8));
            let (found, _) = decoded(coding, damaged.chunks(1 + noise.below(100)), 4096);
            assert!(found.len() < 64 << 20, "{name}");
        }
    }
}

#[test]
fn what_was_flushed_is_given_at_once() {
    let text = text();
    for (coding, (name, bytes), flushed) in [(Gzip, golden!("flushed.gz"), 166), (Br, golden!("flushed.br"), 131)] {
        let mut all = Vec::new();
        feed(&mut Decoder::new(coding), &bytes[..flushed], &mut all, 100).unwrap();
        assert_eq!(all, &text[..700], "{name}");
    }
}

#[test]
fn heads_and_ends_of_gzip_are_checked() {
    let (_, good) = golden!("text.gz");
    let end = good.len();
    let check = |at: usize, byte: u8, expected: BadCoding| {
        let mut bad = good.to_vec();
        bad[at] = byte;
        assert_eq!(whole(Gzip, &bad).1, Err(expected), "byte {at} is {byte}");
    };
    check(0, 0x1e, BadCoding::Header);
    check(1, 0x8c, BadCoding::Header);
    check(2, 7, BadCoding::Header);
    check(3, 0x20, BadCoding::Header);
    check(3, 0x80, BadCoding::Header);
    check(end - 8, !good[end - 8], BadCoding::Checksum);
    check(end - 1, 1, BadCoding::Length);
    let (_, header) = golden!("header.gz");
    let mut bad = header.to_vec();
    bad[4] ^= 1;
    assert_eq!(whole(Gzip, &bad).1, Err(BadCoding::Checksum));
    for (behind, expected) in [(&b"\r\n"[..], Ok(())), (b"\x1f", Ok(())), (b"\x1f\x8b", Err(BadCoding::Truncated))] {
        assert_eq!(whole(Gzip, &[good, behind].concat()), (text(), expected), "{behind:?}");
    }
}

#[test]
fn what_is_behind_a_stream_is_no_content() {
    for (coding, (_, bytes)) in [(Deflate, golden!("text.zlib")), (Br, golden!("text.br"))] {
        assert_eq!(whole(coding, &[bytes, b"\n"].concat()), (text(), Ok(())), "{coding}");
    }
    let (_, zstd) = golden!("text.zst");
    assert_eq!(whole(Zstd, &[zstd, b"\n\n\n\n"].concat()).1, Err(BadCoding::Header));
}

#[test]
fn frames_of_zstd_are_held_to_what_they_say() {
    const BARE: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
    let check = |frame: &[u8], expected: Result<(), BadCoding>| {
        assert_eq!(whole(Zstd, &[BARE, frame].concat()).1, expected, "{frame:02x?}");
    };
    // One segment of three bytes; then a raw block.
    check(&[0x20, 3, 0x19, 0, 0, b'a', b'b', b'c'], Ok(()));
    check(&[0x20, 4, 0x19, 0, 0, b'a', b'b', b'c'], Err(BadCoding::Length));
    check(&[0x20, 3, 0x1f, 0, 0, b'a', b'b', b'c'], Err(BadCoding::Corrupt));
    check(&[0x28, 3, 0x19, 0, 0, b'a', b'b', b'c'], Err(BadCoding::Header));
    check(&[0x21, 9, 3], Err(BadCoding::Dictionary));
    check(&[0x00, 13 << 3, 1, 0, 0], Ok(()));
    check(&[0x00, 13 << 3 | 1, 1, 0, 0], Err(BadCoding::Window));
    check(&[0xe0, 1, 0, 0x80, 0, 0, 0, 0, 0], Err(BadCoding::Window));
    let (_, window) = golden!("window.zst");
    assert_eq!(whole(Zstd, window).1, Err(BadCoding::Window));
    let (_, summed) = golden!("text.zst");
    let mut bad = summed.to_vec();
    *bad.last_mut().unwrap() ^= 1;
    assert_eq!(whole(Zstd, &bad).1, Err(BadCoding::Checksum));
}

#[test]
fn windows_larger_than_16_mb_are_none_of_br() {
    assert_eq!(whole(Br, &[0x11, 0x1e, 0, 0, 0]).1, Err(BadCoding::Corrupt));
}

#[test]
fn emptiness_is_not_blown_up_without_end() {
    let (_, zeros) = golden!("zeros.br");
    let (found, ended) = decoded(Br, [zeros], 64 << 10);
    assert_eq!(ended, Err(BadCoding::TooDense));
    assert!(found.len() < 17 << 20);
    // Blocks of 128 KB of the same byte.
    let blocks: Vec<u8> = [0x02, 0, 0x10, 0].repeat(200);
    let endless = [&[0x28, 0xb5, 0x2f, 0xfd, 0, 64][..], &blocks].concat();
    let (found, ended) = decoded(Zstd, endless.chunks(50), 64 << 10);
    assert_eq!(ended, Err(BadCoding::TooDense));
    assert!(found.len() < 18 << 20);
}
