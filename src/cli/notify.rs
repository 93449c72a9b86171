//! Telling systemd how the service stands (`sd_notify`): one datagram to the socket named by `NOTIFY_SOCKET`.

use std::env;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends `state` (`READY=1`, `STOPPING=1`, `STATUS=…`). Without a service manager this does nothing; a manager that
/// does not listen is no reason to stop.
pub(super) fn notify(state: &str) {
    let Ok(path) = env::var("NOTIFY_SOCKET") else { return };
    let address = match path.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&path),
    };
    let sent = address.and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
    if let Err(cause) = sent {
        log::warn!("the service manager could not be told '{state}': {cause}");
    }
}
