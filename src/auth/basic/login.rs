//! What `Authorization: Basic` says.

use std::fmt;

use crate::http::base64;

/// The longest name and password together, in bytes. A password is hashed whole, so its length is the caller's to spend.
const LONGEST: usize = 1024;

/// A name and a password, as somebody typed them. Never shown, never logged.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// Reads what stands behind `Basic` (RFC 7617 §2), in UTF-8 (§2.1) with or without `=` at the end. `None` where it is
/// none: no colon, control characters, another charset, too long.
pub(crate) fn login(coded: &str) -> Option<Login> {
    if coded.len() > LONGEST.div_ceil(3) * 4 {
        return None;
    }
    let text = String::from_utf8(base64::decode(coded.as_bytes())?).ok()?;
    if text.len() > LONGEST || text.chars().any(char::is_control) {
        return None;
    }
    let (user, password) = text.split_once(':')?;
    Some(Login { user: user.to_owned(), password: password.to_owned() })
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(coded: &str, expected: Option<(&str, &str)>) {
        let read = login(coded);
        assert_eq!(read.as_ref().map(|login| (login.user.as_str(), login.password.as_str())), expected, "{coded}");
    }

    #[test]
    fn the_examples_of_rfc_7617() {
        check("QWxhZGRpbjpvcGVuIHNlc2FtZQ==", Some(("Aladdin", "open sesame")));
        check("dGVzdDoxMjPCow==", Some(("test", "123£")));
    }

    #[test]
    fn only_the_first_colon_parts() {
        check(&base64::encode(b"a:b:c"), Some(("a", "b:c")));
        check(&base64::encode(b":x"), Some(("", "x")));
        check(&base64::encode(b"a:"), Some(("a", "")));
        check("YTpi", Some(("a", "b")));
    }

    #[test]
    fn what_is_no_login_is_refused() {
        for bytes in [&b"nobody"[..], b"", b"a:\xa3", b"a\0:b", b"a:b\n", &[b':'; LONGEST + 1]] {
            check(&base64::encode(bytes), None);
        }
        check("YTpi ", None);
        check("YTp*", None);
    }
}
