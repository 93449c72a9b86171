//! Bodies in content codings, without any compression: the smallest that a decoder must understand.

/// `text` in a coding, each letter a byte; `None` where the coding is not one of these.
pub(super) fn coded(coding: &str, text: &str) -> Option<String> {
    let bytes = bytes(text);
    let length = u16::try_from(bytes.len()).ok().filter(|length| (1..256).contains(length))?;
    let coded = match coding {
        "gzip" => gzip(&bytes, length),
        "br" => brotli(&bytes, length),
        "zstd" => zstd(&bytes, length),
        _ => return None,
    };
    Some(coded.into_iter().map(char::from).collect())
}

/// The bytes of a text whose letters stand for one each.
pub(super) fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|letter| u8::try_from(u32::from(letter)).expect("Latin-1")).collect()
}

/// RFC 1952, with one stored block of RFC 1951 §3.2.4.
fn gzip(bytes: &[u8], length: u16) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    out.extend(length.to_le_bytes());
    out.extend((!length).to_le_bytes());
    out.extend(bytes);
    out.extend(crc32(bytes).to_le_bytes());
    out.extend(u32::from(length).to_le_bytes());
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

/// RFC 7932 §9: a window of 64 KB, one uncompressed meta-block, and an empty last one.
fn brotli(bytes: &[u8], length: u16) -> Vec<u8> {
    let header = u32::from(length - 1) << 4 | 1 << 20;
    let mut out = header.to_le_bytes()[..3].to_vec();
    out.extend(bytes);
    out.push(3);
    out
}

/// RFC 8878 §3.1.1: a frame that is one segment, with one raw block.
fn zstd(bytes: &[u8], length: u16) -> Vec<u8> {
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0x20, length.to_le_bytes()[0]];
    out.extend(&(u32::from(length) << 3 | 1).to_le_bytes()[..3]);
    out.extend(bytes);
    out
}

#[test]
fn the_check_sum_is_that_of_the_standard() {
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
}
