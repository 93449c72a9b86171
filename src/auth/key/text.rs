//! The text of a key: `hafir_ID_SECRETCHECK`, in Crockford's base32, which has no letter that looks like another one.
//!
//! ID: 8 letters (40 bits), the key's public name. SECRET: 32 letters (160 bits) at random. CHECK: 6 letters (30 bits)
//! of the CRC-32 of both, so that a typo is told from a wrong key without a look-up. Large and small letters are the
//! same, `O` is read as `0`, `I` and `L` as `1`, and hyphens and spaces within the secret are left out: people type keys
//! from paper cards.

use std::fmt;

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

const PREFIX: &str = "hafir_";
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
pub(super) const ID: usize = 8;
const SECRET: usize = 32;
const CHECK: usize = 6;
/// The letters that the hash is over: id and secret.
const BODY: usize = ID + SECRET;
/// With a hyphen or space behind every letter of the secret.
const LONGEST: usize = PREFIX.len() + ID + 1 + 2 * (SECRET + CHECK);

/// What a text presents, read without a look-up. Holds the hash, not the secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Presented {
    pub(super) id: [u8; ID],
    pub(super) hash: [u8; 32],
}

/// Why a text is no key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BadText {
    /// It does not begin as keys do.
    NotAKey,
    /// It does, but a letter is wrong, missing or too much.
    Typo,
}

/// A key that was just made: the only time its text is there.
pub(crate) struct NewKey {
    text: String,
    id: String,
    hash: [u8; 32],
}

impl Presented {
    /// Allocates nothing.
    pub(super) fn parse(text: &str) -> Result<Presented, BadText> {
        let bytes = text.as_bytes();
        let rest = match bytes.split_at_checked(PREFIX.len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX.as_bytes()) => rest,
            Some(_) | None => return Err(BadText::NotAKey),
        };
        if bytes.len() > LONGEST {
            return Err(BadText::Typo);
        }
        let mut letters = heapless::Vec::<u8, { BODY + CHECK }>::new();
        for (at, byte) in rest.iter().enumerate() {
            match (at, byte) {
                (ID, b'_') => {}
                (ID, _) => return Err(BadText::Typo),
                (at, b'-' | b' ') if at > ID => {}
                (_, byte) => letters.push(letter(*byte).ok_or(BadText::Typo)?).map_err(|_| BadText::Typo)?,
            }
        }
        let (body, given) = letters.split_first_chunk::<BODY>().ok_or(BadText::Typo)?;
        if check_of(body) != *given {
            return Err(BadText::Typo);
        }
        let (id, _) = body.split_first_chunk().ok_or(BadText::Typo)?;
        Ok(Presented { id: *id, hash: hash_of(body) })
    }
}

impl NewKey {
    /// A key with a new name. `None`: the system has no random numbers to give.
    pub(crate) fn generate() -> Option<NewKey> {
        let mut random = [0; ID];
        SystemRandom::new().fill(&mut random).ok()?;
        NewKey::with_id(&random.map(|byte| symbol(byte & 31)))
    }

    /// A new secret for a key that has its name.
    pub(crate) fn again(id: &str) -> Option<NewKey> {
        NewKey::with_id(&parse_id(id)?)
    }

    fn with_id(id: &[u8; ID]) -> Option<NewKey> {
        let mut random = [0; SECRET];
        SystemRandom::new().fill(&mut random).ok()?;
        Some(NewKey::of(id, &random.map(|byte| symbol(byte & 31))))
    }

    fn of(id: &[u8; ID], secret: &[u8; SECRET]) -> NewKey {
        let mut body = [0; BODY];
        let letters = id.iter().chain(secret);
        body.iter_mut().zip(letters).for_each(|(place, letter)| *place = *letter);
        let word = |letters: &[u8]| letters.iter().map(|letter| char::from(*letter)).collect::<String>();
        let (id, secret, check) = (word(id), word(secret), word(&check_of(&body)));
        NewKey { text: format!("{PREFIX}{id}_{secret}{check}"), id, hash: hash_of(&body) }
    }

    /// The secret text, to be shown once.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// What is kept of it.
    pub(crate) fn hash(&self) -> [u8; 32] {
        self.hash
    }
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented").finish_non_exhaustive()
    }
}

/// The name of a key as a person wrote it: also with what stands before it in the key, or behind it.
pub(super) fn parse_id(word: &str) -> Option<[u8; ID]> {
    let lower = word.trim().to_ascii_lowercase();
    let bare = lower.strip_prefix(PREFIX).unwrap_or(&lower);
    let bare = bare.split('_').next().unwrap_or_default();
    let letters: heapless::Vec<u8, ID> = match bare.len() {
        ID => bare.bytes().map_while(letter).collect(),
        _ => return None,
    };
    letters.into_array().ok()
}

pub(crate) fn hex(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn digest_from_hex(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != hash.len() || !rest.is_empty() {
        return None;
    }
    for (place, pair) in hash.iter_mut().zip(pairs) {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let [high, low] = *pair;
        *place = digit(high)? << 4 | digit(low)?;
    }
    Some(hash)
}

fn symbol(value: u8) -> u8 {
    ALPHABET.get(usize::from(value & 31)).copied().unwrap_or(b'0')
}

/// The letter that is meant.
fn letter(byte: u8) -> Option<u8> {
    match byte.to_ascii_lowercase() {
        b'o' => Some(b'0'),
        b'i' | b'l' => Some(b'1'),
        b'u' => None,
        byte @ (b'0'..=b'9' | b'a'..=b'z') => Some(byte),
        _ => None,
    }
}

fn check_of(body: &[u8; BODY]) -> [u8; CHECK] {
    let mut rest = crc32fast::hash(body);
    [(); CHECK].map(|()| {
        let letter = symbol((rest & 31) as u8);
        rest >>= 5;
        letter
    })
}

fn hash_of(body: &[u8; BODY]) -> [u8; 32] {
    let hash = digest(&SHA256, body);
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(hash.as_ref()).for_each(|(place, byte)| *place = *byte);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> NewKey {
        NewKey::of(b"k7m2p9qd", b"0123456789abcdefghjkmnpqrstvwxyz")
    }

    #[test]
    fn a_key_reads_as_it_was_made() {
        let key = key();
        assert!(key.text().starts_with("hafir_k7m2p9qd_0123456789abcdefghjkmnpqrstvwxyz"));
        assert_eq!(key.text().len(), 53);
        let read = Presented::parse(key.text()).unwrap();
        assert_eq!((&read.id, read.hash), (b"k7m2p9qd", key.hash()));
        assert_eq!(digest_from_hex(&hex(&key.hash())), Some(key.hash()));
    }

    #[test]
    fn what_people_make_of_a_key_is_understood() {
        let key = key();
        let (head, secret) = key.text().split_at(15);
        let groups = |mark: &str| {
            let groups: Vec<&str> = secret.as_bytes().chunks(4).map(|c| std::str::from_utf8(c).unwrap()).collect();
            format!("{head}{}", groups.join(mark))
        };
        let confused = format!("{head}{}", secret.replacen('0', "O", 1).replacen('1', "l", 1));
        for text in [key.text().to_uppercase(), groups("-"), groups(" "), confused] {
            assert!(Presented::parse(&text).is_ok_and(|read| read.hash == key.hash()), "{text}");
        }
    }

    #[test]
    fn each_wrong_letter_and_each_swap_is_a_typo() {
        let text = key().text().to_owned();
        for at in PREFIX.len()..text.len() {
            for other in "0123456789abcdefghjkmnpqrstvwxyzu_%\u{e9}".chars() {
                let mut changed: Vec<char> = text.chars().collect();
                if changed[at] == other {
                    continue;
                }
                changed[at] = other;
                let changed: String = changed.into_iter().collect();
                assert_eq!(Presented::parse(&changed), Err(BadText::Typo), "{changed}");
            }
            let mut swapped = text.clone().into_bytes();
            if at + 1 < swapped.len() && swapped[at] != swapped[at + 1] {
                swapped.swap(at, at + 1);
                assert_eq!(Presented::parse(std::str::from_utf8(&swapped).unwrap()), Err(BadText::Typo));
            }
            assert_eq!(Presented::parse(&text[..at]), Err(BadText::Typo));
            let longer = format!("{}0{}", &text[..at], &text[at..]);
            assert_eq!(Presented::parse(&longer), Err(BadText::Typo));
        }
        assert_eq!(Presented::parse(&format!("{text}{}", "-".repeat(100))), Err(BadText::Typo));
    }

    #[test]
    fn what_is_something_else_is_no_key() {
        for text in ["", "hafir", "eyJhbGciOiJSUzI1NiJ9.e30.x", "hafi\u{e9}_", "Basic x"] {
            assert_eq!(Presented::parse(text), Err(BadText::NotAKey), "{text}");
        }
    }

    #[test]
    fn no_two_keys_are_the_same_and_none_shows_itself() {
        let (one, other) = (NewKey::generate().unwrap(), NewKey::generate().unwrap());
        assert_ne!(one.text(), other.text());
        assert_ne!(NewKey::again(one.id()).unwrap().text(), one.text());
        assert!(!format!("{one:?}").contains(&one.text()[16..]));
        assert!(Presented::parse(one.text()).is_ok());
    }

    #[test]
    fn names_of_keys_are_taken_from_what_people_write() {
        for word in ["k7m2p9qd", "K7M2P9QD", "hafir_k7m2p9qd", " hafir_k7m2p9qd_0123"] {
            assert_eq!(parse_id(word).as_ref(), Some(b"k7m2p9qd"), "{word}");
        }
        for word in ["", "k7m2", "k7m2p9qdx", "k7m2p9q!"] {
            assert_eq!(parse_id(word), None, "{word}");
        }
    }
}
