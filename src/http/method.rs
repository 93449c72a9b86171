//! Request methods (RFC 9110 §9) and protocol versions (RFC 9112 §2.3).

use std::fmt;

/// The method of a request. Names are case-sensitive: `get` is another method. `CONNECT` and `TRACE` are refused with
/// the head and so never become a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Method<'a> {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Options,
    Patch,
    Other(&'a str),
}

impl<'a> Method<'a> {
    pub(crate) fn from_name(name: &'a str) -> Method<'a> {
        match name {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            "OPTIONS" => Method::Options,
            "PATCH" => Method::Patch,
            other => Method::Other(other),
        }
    }

    pub(crate) fn as_str(self) -> &'a str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
            Method::Options => "OPTIONS",
            Method::Patch => "PATCH",
            Method::Other(name) => name,
        }
    }

    /// Changes nothing at the origin (RFC 9110 §9.2.1). An unknown method is not known to be safe.
    pub(crate) fn is_safe(self) -> bool {
        match self {
            Method::Get | Method::Head | Method::Options => true,
            Method::Post | Method::Put | Method::Delete | Method::Patch | Method::Other(_) => false,
        }
    }

    /// May be repeated without asking (RFC 9110 §9.2.2).
    pub(crate) fn is_idempotent(self) -> bool {
        match self {
            Method::Get | Method::Head | Method::Options | Method::Put | Method::Delete => true,
            Method::Post | Method::Patch | Method::Other(_) => false,
        }
    }
}

impl fmt::Display for Method<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Version {
    Http10,
    Http11,
}

impl Version {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
