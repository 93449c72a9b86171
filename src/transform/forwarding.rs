//! What the gateway tells an upstream about the client: `Forwarded` (RFC 7239) and `X-Forwarded-*`.

use std::fmt;
use std::net::IpAddr;

use super::Client;
use super::edits::Edits;
use crate::http::forwarded::Node;
use crate::http::{Fields, HeadWriter};

/// Who asks for what, as far as an upstream is told.
pub(super) struct Forwarding<'a> {
    pub(super) client: &'a Client,
    /// Empty: not told.
    pub(super) host: &'a str,
    pub(super) fields: Fields<'a>,
}

impl Forwarding<'_> {
    /// Writes all four fields. What a listed proxy sent stays in front; what others sent was left out.
    pub(super) fn write(&self, head: &mut HeadWriter<'_>, edits: &Edits) {
        let proto = if self.client.secure { "https" } else { "http" };
        if !edits.touch(b"forwarded") {
            let own = OwnElement { peer: self.client.peer, host: self.host, secure: self.client.secure };
            head.field_display("Forwarded", Chain { before: self.before("forwarded"), own });
        }
        if !edits.touch(b"x-forwarded-for") {
            head.field_display(
                "X-Forwarded-For",
                Chain { before: self.before("x-forwarded-for"), own: self.client.peer },
            );
        }
        if !edits.touch(b"x-forwarded-proto") {
            head.field("X-Forwarded-Proto", proto);
        }
        if !self.host.is_empty() && !edits.touch(b"x-forwarded-host") {
            let told = self.told("x-forwarded-host");
            head.field("X-Forwarded-Host", told.unwrap_or(self.host.as_bytes()));
        }
    }

    /// The hops before the peer. Where a proxy speaks only the other dialect, the one address that it vouches for.
    fn before<'n>(&self, name: &'n str) -> Before<'_, 'n> {
        if self.told(name).is_some() {
            Before::Told(self.fields, name)
        } else if self.client.address != self.client.peer {
            Before::Client(self.client.address)
        } else {
            Before::Nobody
        }
    }

    fn told(&self, name: &str) -> Option<&[u8]> {
        self.client.trusted.then(|| self.fields.first(name)).flatten().filter(|value| !value.is_empty())
    }
}

enum Before<'a, 'n> {
    Nobody,
    Client(IpAddr),
    Told(Fields<'a>, &'n str),
}

/// The hops before and our own, as one list in one line: many programs read only one.
struct Chain<'a, 'n, T> {
    before: Before<'a, 'n>,
    own: T,
}

impl fmt::Display for Chain<'_, '_, IpAddr> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.before {
            Before::Nobody => {}
            Before::Client(address) => write!(f, "{address}, ")?,
            Before::Told(fields, name) => write_members(f, fields, name)?,
        }
        write!(f, "{}", self.own)
    }
}

impl fmt::Display for Chain<'_, '_, OwnElement<'_>> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.before {
            Before::Nobody => {}
            Before::Client(address) => write!(f, "for={}, ", Node(address))?,
            Before::Told(fields, name) => write_members(f, fields, name)?,
        }
        write!(f, "{}", self.own)
    }
}

/// Only members that are text go on: the others name nobody.
fn write_members(f: &mut fmt::Formatter<'_>, fields: Fields<'_>, name: &str) -> fmt::Result {
    let texts = fields.list(name).filter_map(|member| std::str::from_utf8(member).ok());
    texts.into_iter().try_for_each(|member| write!(f, "{member}, "))
}

/// This hop's element of `Forwarded`.
struct OwnElement<'a> {
    peer: IpAddr,
    host: &'a str,
    secure: bool,
}

impl fmt::Display for OwnElement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "for={}", Node(self.peer))?;
        if !self.host.is_empty() {
            let is_token = self.host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
            let quote = if is_token { "" } else { "\"" };
            write!(f, ";host={quote}{}{quote}", self.host)?;
        }
        f.write_str(if self.secure { ";proto=https" } else { ";proto=http" })
    }
}
