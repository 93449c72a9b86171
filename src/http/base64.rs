//! Base64 (RFC 4648 §4) for fields that carry bytes.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// With `=` at the end where it is due.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = encode_unpadded(bytes);
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

pub(crate) fn encode_unpadded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut octets = [0; 3];
        octets.iter_mut().zip(group).for_each(|(to, from)| *to = *from);
        let [a, b, c] = octets;
        let bits = u32::from_be_bytes([0, a, b, c]);
        let digits = [18, 12, 6, 0].map(|shift| (bits >> shift & 0x3f) as usize);
        let digits = digits.iter().filter_map(|digit| ALPHABET.get(*digit)).take(group.len() + 1);
        text.extend(digits.map(|digit| char::from(*digit)));
    }
    text
}

/// `None` for anything but what [`encode`] or [`encode_unpadded`] would have made: bits that do not belong to a whole
/// byte must be zero (§3.5), so that no two texts stand for the same bytes but for the `=` at the end.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let digits = match text {
        [digits @ .., b'=', b'='] | [digits @ .., b'='] if text.len().is_multiple_of(4) => digits,
        digits => digits,
    };
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.chunks(4) {
        let mut bits = 0_u32;
        for digit in group {
            bits = bits << 6 | value(*digit)?;
        }
        let missing = 4 - group.len();
        let [_, octets @ ..] = (bits << (6 * missing)).to_be_bytes();
        let (whole, spare) = octets.split_at_checked(3 - missing)?;
        if spare.iter().any(|byte| *byte != 0) || group.len() == 1 {
            return None;
        }
        bytes.extend_from_slice(whole);
    }
    Some(bytes)
}

fn value(digit: u8) -> Option<u32> {
    let at = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(bytes.as_bytes()));
            assert_eq!(decode(text.trim_end_matches('=').as_bytes()).as_deref(), Some(bytes.as_bytes()));
        }
    }

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        for len in 0..=all.len() {
            assert_eq!(decode(encode(&all[..len]).as_bytes()).as_deref(), Some(&all[..len]));
        }
    }

    #[test]
    fn what_no_encoder_makes_is_refused() {
        for text in
            ["Z", "Zh==", "Zm9=", "Zg=", "Zg===", "=", "==", "====", "Zm9v=", "Zm 9v", "Zm9v\n", "-_8=", "Zg==Zg=="]
        {
            assert_eq!(decode(text.as_bytes()), None, "{text:?}");
        }
    }
}
