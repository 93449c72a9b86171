//! Which ciphers, in which order.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};

/// Both versions in use; older ones have been given up by everybody.
pub(super) const VERSIONS: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

/// ring, with ChaCha20 first where this CPU has no AES instructions: there it is several times as fast.
pub(super) fn provider() -> Arc<CryptoProvider> {
    let mut provider = ring::default_provider();
    if !cpu_has_aes() {
        provider.cipher_suites.sort_by_key(|suite| !format!("{:?}", suite.suite()).contains("CHACHA20"));
    }
    Arc::new(provider)
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub(super) fn cpu_has_aes() -> bool {
    std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq")
}

#[cfg(target_arch = "aarch64")]
pub(super) fn cpu_has_aes() -> bool {
    std::arch::is_aarch64_feature_detected!("aes") && std::arch::is_aarch64_feature_detected!("pmull")
}

/// No 32-bit board that this runs on has them.
#[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn cpu_has_aes() -> bool {
    false
}
