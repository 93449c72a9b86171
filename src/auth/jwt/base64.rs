//! Base64 as tokens have it (RFC 7515 §2), and as `Authorization: Basic` has it.

/// Base64url without padding. Strict: no padding, no other characters, and no bits left over that are not zero, so that no
/// two texts stand for the same bytes (RFC 4648 §3.5).
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for group in text.chunks(4) {
        let mut bits: u32 = 0;
        for char in group {
            bits = bits << 6 | u32::from(sextet(*char)?);
        }
        let (bits, whole, spare) = match group.len() {
            4 => (bits, 3, 0),
            3 => (bits << 6, 2, 0xff),
            2 => (bits << 12, 1, 0xffff),
            _ => return None,
        };
        if bits & spare != 0 {
            return None;
        }
        bytes.extend(bits.to_be_bytes().iter().skip(1).take(whole));
    }
    Some(bytes)
}

fn sextet(char: u8) -> Option<u8> {
    match char {
        b'A'..=b'Z' => Some(char - b'A'),
        b'a'..=b'z' => Some(char - b'a' + 26),
        b'0'..=b'9' => Some(char - b'0' + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

/// The ordinary alphabet, with padding (RFC 4648 §4).
pub(super) fn encode_padded(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let index = bits >> (18 - 6 * place) & 63;
            let char = usize::try_from(index).ok().and_then(|index| ALPHABET.get(index)).copied().unwrap_or(b'A');
            text.push(if place <= group.len() { char::from(char) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_for_the_same_bytes() {
        for (text, bytes) in
            [("", &b""[..]), ("Zg", b"f"), ("Zm8", b"fo"), ("Zm9v", b"foo"), ("-_-_", &[251, 255, 191])]
        {
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(bytes), "{text}");
        }
        for bad in ["Z", "Zg==", "Zg=", "Zh", "Zm9", "+/+/", "Zm9v\n", " Zm9v", "Zm9vZ", "Zm.v", "Zmé"] {
            assert_eq!(decode(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn basic_has_padding() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("a:b?~\u{ff}", "YTpiP37Dvw==")]
        {
            assert_eq!(encode_padded(bytes.as_bytes()), text);
        }
    }
}
