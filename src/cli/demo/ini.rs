//! The demo's configuration: what a technician would write, with the ports filled in.

use std::net::SocketAddr;

/// Where everything of one demo is.
pub(super) struct Places {
    pub(super) gateway: SocketAddr,
    pub(super) site: SocketAddr,
    pub(super) control: SocketAddr,
    pub(super) admin: SocketAddr,
}

pub(super) fn text(places: &Places) -> String {
    let Places { gateway, site, control, admin } = places;
    format!(
        "\
; hafir demo: this is all that the gateway is told.

[gateway]
name   = Hafir demo
listen = {gateway}
state  = .               ; the folder of this file

[cache]
size      = 200 MB
keep_free = 50 MB

[metrics]
listen = {admin}

; The remote site. Once loaded, its answers are given while the link is gone, for up to 30 days.
; Browsers are told to keep nothing, so that every load is seen here.
[route site]
path     = /site/
upstream = http://{site}
strip    = on
stale    = 30 days
set.response.cache-control = no-store

; The same site's search takes 4 seconds and never says that its answer may be kept. Here it is kept for a day.
[route kept search]
path      = exact /kept-search
upstream  = http://{site}/search
cache     = forced
cache.for = 1 day
stale     = 30 days
set.response.cache-control = no-store

; The start page and its switch: on this side of the link.
[route start]
path     = exact /
upstream = http://{control}
cache    = off

[route switch]
path     = /demo/
upstream = http://{control}
cache    = off
"
    )
}
