//! What the gateway tells the upstream of who asks, and what of the caller's own words it keeps to itself.

use std::borrow::Cow;
use std::fmt;

use super::Edits;
use crate::base::PeerCertificate;
use crate::config::Tell;
use crate::http::{HeadWriter, base64};

/// Empty, it costs a look at three lengths.
#[derive(Clone, Copy, Default)]
pub(crate) struct Told<'a> {
    /// The fields by which the gateway alone says who it is: what comes from a client under these names is left out, in
    /// any spelling, and also where there is nothing to tell.
    pub(crate) names: &'a [(String, Tell)],
    /// What they say of this caller: names and values.
    pub(crate) values: &'a [(String, String)],
    /// What the client showed, where the upstream is to see it (RFC 9440).
    pub(crate) certificate: Option<&'a PeerCertificate>,
}

impl<'a> Told<'a> {
    /// Whether what the client says under this name stays here.
    pub(super) fn hides(&self, name: &[u8]) -> bool {
        self.names.iter().any(|(own, _)| is_alike(own.as_bytes(), name))
    }

    /// The route's own edits of a name go before.
    pub(super) fn write(&self, head: &mut HeadWriter<'_>, edits: &Edits) {
        for (name, value) in self.values.iter().filter(|(name, _)| !edits.touch(name.as_bytes())) {
            head.field(name, legible(value).as_bytes());
        }
        let Some(certificate) = self.certificate else { return };
        if !edits.touch(b"client-cert") {
            head.field_display("Client-Cert", Bytes(&certificate.der));
        }
        if !certificate.chain.is_empty() && !edits.touch(b"client-cert-chain") {
            head.field_display("Client-Cert-Chain", List(certificate));
        }
    }
}

/// Gateways behind us (CGI, WSGI and their kin) take `X_User` for `X-User`.
fn is_alike(own: &[u8], name: &[u8]) -> bool {
    let fold = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    own.len() == name.len() && own.iter().map(fold).eq(name.iter().map(fold))
}

/// A name may hold anything; a field value may not, and one that cannot be written would stop the request.
fn legible(value: &str) -> Cow<'_, str> {
    let value = value.trim();
    if value.chars().any(char::is_control) {
        return Cow::Owned(value.replace(char::is_control, " ").trim().to_owned());
    }
    Cow::Borrowed(value)
}

/// A Byte Sequence (RFC 9651 §4.1.8), as RFC 9440 §2.1 has it.
struct Bytes<'a>(&'a [u8]);

/// A List of Byte Sequences: the authorities, the client's own certificate not among them (RFC 9440 §2.3).
struct List<'a>(&'a PeerCertificate);

impl fmt::Display for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ":{}:", base64::encode(self.0))
    }
}

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, der) in self.0.chain.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{}", Bytes(der))?;
        }
        Ok(())
    }
}
