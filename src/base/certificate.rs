//! A certificate that a peer showed and proved to be its own.

use std::sync::Arc;

/// What a client showed in the handshake, judged good there. About 1 KB for each certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PeerCertificate {
    /// The client's own certificate (X.509, DER).
    pub(crate) der: Arc<[u8]>,
    /// The authorities between it and the root, as the client sent them, its issuer first.
    pub(crate) chain: Vec<Arc<[u8]>>,
}
