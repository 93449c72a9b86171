//! The text of a password's hash: `$pbkdf2-sha256$i=ITERATIONS$SALT$HASH`, a PHC string with Base64 that lacks `=`.
//!
//! PBKDF2 (RFC 8018 §5.2) because it needs no memory: on a board with 512 MB, a function that asks for 64 MB for each
//! check would let a handful of callers push everything else out.

use std::fmt;
use std::num::NonZeroU32;

use ring::pbkdf2;
use ring::rand::{SecureRandom, SystemRandom};

use crate::http::base64;

/// Turns of PBKDF2 for a new hash. The slowest boards (one ARMv6 core at 1 GHz) hash some 15 MB/s with SHA-256, which
/// is 115,000 turns of two blocks each second: this many take about 1.3 s there, and a tenth of that on a Pi 4. A good
/// password is asked for once and then remembered, so it is the guesser who pays.
pub(crate) const DEFAULT_ITERATIONS: u32 = 150_000;
/// What a file may ask for. Fewer turns protect nothing; more would hold a small board for minutes.
const FEWEST_ITERATIONS: u32 = 1_000;
const MOST_ITERATIONS: u32 = 10_000_000;

const PREFIX: &str = "$pbkdf2-sha256$";
const SALT: usize = 16;
const HASH: usize = 32;
/// The longest salt that is read.
const LONGEST_SALT: usize = 64;

/// Beginnings of hashes that other programs make. Taken for passwords they would let in whoever read the hash.
const FOREIGN: &[&str] = &[
    "$argon2", "$2a$", "$2b$", "$2x$", "$2y$", "$scrypt$", "$apr1$", "$1$", "$5$", "$6$", "$y$", "$7$", "$pbkdf2",
    "{SHA", "{SSHA",
];

/// A hash, read.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Hash {
    pub(super) iterations: NonZeroU32,
    pub(super) salt: Vec<u8>,
    pub(super) output: [u8; HASH],
}

/// Why a text is no hash that can be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PasswordProblem {
    /// It begins as one and goes on otherwise.
    Malformed,
    /// Another program made it.
    Foreign,
    /// Too few or too many turns.
    Iterations,
}

/// Whether this is (meant as) a hash and not a password.
pub(crate) fn is_hash(text: &str) -> bool {
    text.starts_with(PREFIX) || FOREIGN.iter().any(|start| text.starts_with(start))
}

/// The hash of a password, with a salt of its own. Takes as long as a check. `None` where the system has no random
/// numbers.
pub(crate) fn hash(password: &str, iterations: u32) -> Option<String> {
    let mut salt = [0; SALT];
    SystemRandom::new().fill(&mut salt).ok()?;
    let iterations = NonZeroU32::new(iterations)?;
    let output = derive(iterations, &salt, password);
    let (salt, output) = (base64::encode_unpadded(&salt), base64::encode_unpadded(&output));
    Some(format!("{PREFIX}i={iterations}${salt}${output}"))
}

impl Hash {
    pub(super) fn parse(text: &str) -> Result<Hash, PasswordProblem> {
        let Some(rest) = text.strip_prefix(PREFIX) else { return Err(PasswordProblem::Foreign) };
        let malformed = PasswordProblem::Malformed;
        let mut parts = rest.split('$');
        let (Some(cost), Some(salt), Some(output), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed);
        };
        let turns = cost.strip_prefix("i=").filter(|turns| turns.bytes().all(|byte| byte.is_ascii_digit()));
        let turns = turns.and_then(|turns| turns.parse().ok()).ok_or(malformed)?;
        if !(FEWEST_ITERATIONS..=MOST_ITERATIONS).contains(&turns) {
            return Err(PasswordProblem::Iterations);
        }
        let salt = base64::decode(salt.as_bytes()).filter(|salt| (8..=LONGEST_SALT).contains(&salt.len()));
        let output = base64::decode(output.as_bytes()).and_then(|output| output.try_into().ok());
        Ok(Hash {
            iterations: NonZeroU32::new(turns).ok_or(malformed)?,
            salt: salt.ok_or(malformed)?,
            output: output.ok_or(malformed)?,
        })
    }

    /// One that no password fits as far as anybody knows, for the work alone.
    pub(super) fn nobodys(iterations: u32) -> Hash {
        Hash {
            iterations: NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN),
            salt: vec![0; SALT],
            output: [0; HASH],
        }
    }

    /// Blocking, for as long as the hash asks. Compares in constant time.
    pub(super) fn verify(&self, password: &str) -> bool {
        let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
        pbkdf2::verify(algorithm, self.iterations, &self.salt, password.as_bytes(), &self.output).is_ok()
    }
}

fn derive(iterations: NonZeroU32, salt: &[u8], password: &str) -> [u8; HASH] {
    let mut output = [0; HASH];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, password.as_bytes(), &mut output);
    output
}

impl fmt::Display for PasswordProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PasswordProblem::Malformed => "the hash is damaged; make a new one with 'hafir password'",
            PasswordProblem::Foreign => "this kind of hash is not known here; make one with 'hafir password'",
            PasswordProblem::Iterations => {
                "the hash has too few or too many iterations; make one with 'hafir password'"
            }
        })
    }
}

impl std::error::Error for PasswordProblem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_fits_its_password_only() {
        let text = hash("secret", FEWEST_ITERATIONS).unwrap();
        assert!(is_hash(&text));
        let read = Hash::parse(&text).unwrap_or_else(|problem| panic!("{problem}"));
        assert!(read.verify("secret") && !read.verify("secret ") && !read.verify(""));
        assert_ne!(hash("secret", FEWEST_ITERATIONS).unwrap(), text, "the salt is new each time");
    }

    /// Made with Python: `hashlib.pbkdf2_hmac("sha256", b"password", b"saltsalt", 4096)`.
    #[test]
    fn hashes_of_others_are_read() {
        let text = VECTOR;
        assert!(Hash::parse(text).is_ok_and(|read| read.verify("password") && !read.verify("Password")));
    }

    const VECTOR: &str = "$pbkdf2-sha256$i=4096$c2FsdHNhbHQ$ZiMD/VuDIBLM8rT9ZlFkcm8vO44PH2jtvpsH6s4pwvU";

    #[test]
    fn what_is_no_hash_is_told_apart() {
        for (text, problem) in [
            ("$pbkdf2-sha256$i=999$c2FsdHNhbHQ$AAAA", PasswordProblem::Iterations),
            ("$pbkdf2-sha256$i=10000001$c2FsdHNhbHQ$AAAA", PasswordProblem::Iterations),
            ("$pbkdf2-sha256$i=4096$c2FsdHNhbHQ$AAAA", PasswordProblem::Malformed),
            ("$pbkdf2-sha256$i=4096$c2FsdHNhbHQ", PasswordProblem::Malformed),
            ("$pbkdf2-sha256$i=+4096$c2FsdHNhbHQ$AAAA", PasswordProblem::Malformed),
            ("$pbkdf2-sha256$4096$c2FsdHNhbHQ$AAAA", PasswordProblem::Malformed),
            ("$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$AAAA", PasswordProblem::Foreign),
            ("$2y$10$abcdefghijklmnopqrstuv", PasswordProblem::Foreign),
            ("$pbkdf2-sha512$i=4096$c2FsdHNhbHQ$AAAA", PasswordProblem::Foreign),
        ] {
            assert!(is_hash(text), "{text}");
            assert_eq!(Hash::parse(text).err(), Some(problem), "{text}");
        }
        for text in ["secret", "$ecret", "pa$$word", ""] {
            assert!(!is_hash(text), "{text}");
        }
    }
}
