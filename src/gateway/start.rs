//! What the start page shows of a configuration: the routes that anybody may open, and whether the link is up.

use std::net::IpAddr;

use super::build::{Destination, url_origin};
use super::plan::Request;
use super::refuse::Page;
use super::{Gateway, Process, Route};
use crate::auth;
use crate::config::{Class, HostMatch, PathMatch, UpstreamUrl};
use crate::http::Fields;
use crate::http::host::{self, Authority};
use crate::portal::{Routes, Signpost, Start, start_page};
use crate::routing;

pub(super) fn page(gateway: &Gateway, process: &Process, request: &Request<'_>, client: IpAddr) -> Page {
    let asked = host::of(request.version, request.fields).ok().flatten();
    let signposts = signposts(gateway, asked, client);
    let routes = match (gateway.routes.is_empty(), gateway.file_problems.is_empty()) {
        (false, _) => Routes::Some,
        (true, true) => Routes::None,
        (true, false) => Routes::Broken,
    };
    let page = start_page(&Start {
        gateway: &gateway.config.gateway.name,
        languages: &gateway.config.gateway.languages,
        fields: request.fields,
        routes,
        link: link(gateway, process),
        signposts: &signposts,
    });
    let (content_type, language) = (page.content_type, page.language);
    let lines = format!(
        "Content-Type: {content_type}\r\nCache-Control: no-store\r\nVary: Accept-Language\r\n\
         Content-Language: {language}\r\n"
    );
    let status = if routes == Routes::Broken { 503 } else { 200 };
    Page { status, lines, body: page.body }
}

/// In the order of the file. Routes that ask who somebody is are left out, even by name: those who may use them know where
/// they are, and nobody else need know that there is such a thing.
fn signposts<'g>(gateway: &'g Gateway, asked: Option<Authority<'_>>, client: IpAddr) -> Vec<Signpost<'g>> {
    let open = gateway.routes.iter().enumerate().filter(|(_, route)| is_open(route, client));
    open.filter_map(|(index, route)| {
        let href = href(gateway, index, route, asked)?;
        Some(Signpost { name: &route.config.name, href })
    })
    .collect()
}

fn is_open(route: &Route, client: IpAddr) -> bool {
    let leads_somewhere = match &route.destination {
        Destination::Upstream(_) | Destination::Files(_) | Destination::Redirect { .. } => true,
        Destination::Respond { status, .. } => *status < 300,
        Destination::Broken(_) => false,
    };
    leads_somewhere
        && route.config.cache.class != Class::Patient
        && !route.config.auth.asks_anything()
        && auth::allowed(&route.config, client).is_ok()
}

/// The first of a route's paths that a plain `GET` takes there, under the name that was asked for, or one of the board's own, or
/// one of the route's that the DNS of a board leads here. A route that has no path but such a name begins at `/`.
fn href(gateway: &Gateway, index: usize, route: &Route, asked: Option<Authority<'_>>) -> Option<String> {
    let leads = |host: &str, path: &str| {
        let request = routing::Request { method: "GET", host, path, query: None, fields: Fields::NONE };
        gateway.table.find(&request).is_some_and(|found| found.route.index() == index)
    };
    let matches = &route.config.matches;
    let written = matches.paths.iter().filter_map(|path| match path {
        PathMatch::Prefix(written) => routing::normal_path(written),
        PathMatch::Exact(_) | PathMatch::Pattern(_) => None,
    });
    let prefixes = written.chain(matches.paths.is_empty().then(|| "/".to_owned()));
    let own = matches.hosts.iter().filter_map(|host| match host {
        HostMatch::Exact(host) if host.ends_with(".lan") => Some(host.clone()),
        HostMatch::Exact(_) | HostMatch::Below(_) => None,
    });
    let host = asked.map_or("", |asked| asked.host);
    let port = asked.and_then(|asked| asked.port).map(|port| format!(":{port}")).unwrap_or_default();
    let board = ["lan", "local"].map(|domain| format!("{}.{domain}", gateway.config.board.hostname));
    let names: Vec<String> = board.into_iter().chain(own).collect();
    prefixes.into_iter().find_map(|path| {
        if leads(host, &path) {
            return Some(path);
        }
        names.iter().find(|name| leads(name, &path)).map(|name| format!("//{name}{port}{path}"))
    })
}

/// Whether the link is up, by the upstreams beyond it. `None` where there are none, or none was asked yet.
fn link(gateway: &Gateway, process: &Process) -> Option<bool> {
    let known = process.upstreams.status();
    let urls = gateway.routes.iter().filter_map(Route::origin).flat_map(|origin| &origin.urls);
    let beyond: Vec<String> = urls.filter(|url| is_beyond(url)).map(url_origin).collect();
    let mut peers = known.iter().filter(|peer| beyond.contains(&peer.origin)).peekable();
    peers.peek()?;
    let mut all_fail = true;
    for peer in peers {
        if peer.failing.is_none() && peer.idle + peer.leased > 0 {
            return Some(true);
        }
        all_fail &= peer.failing.is_some();
    }
    all_fail.then_some(false)
}

/// Whether an upstream is neither on this board nor beside it.
fn is_beyond(url: &UpstreamUrl) -> bool {
    match url.host.parse() {
        Ok(IpAddr::V4(ip)) => !(ip.is_loopback() || ip.is_private() || ip.is_link_local()),
        Ok(IpAddr::V6(ip)) => !(ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()),
        Err(_) => {
            let last = url.host.trim_end_matches('.').rsplit_once('.').map(|(_, last)| last);
            last.is_some_and(|last| !["lan", "local", "home", "internal"].contains(&last))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_link() {
        let beyond = |host: &str| {
            let url = UpstreamUrl { tls: false, host: host.to_owned(), port: 80, path: String::new() };
            is_beyond(&url)
        };
        for host in ["en.wikipedia.org", "1.1.1.1", "2606:4700::1111", "kitgum.example"] {
            assert!(beyond(host), "{host}");
        }
        for host in
            ["localhost", "127.0.0.1", "192.168.1.2", "::1", "fd00::1", "fe80::1", "kolibri", "nas.lan", "x.local."]
        {
            assert!(!beyond(host), "{host}");
        }
    }
}
