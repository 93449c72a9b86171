//! The table of all keys: the only place where a key, its type, unit, bounds and default are written down.

use std::time::Duration;

use super::access::{Priority, UnsureClock};
use super::board::{self, Probes, Uplink};
use super::table::Beside::{Anything, Files, Redirect, Respond, Upstream};
use super::table::Kind::{
    Audit, Board, Cache, Gateway, Jwt, Limits, Link, Log, Metrics, Plan, Portal, Route, Timeouts, Tls, User, Wifi,
};
use super::table::Preset::{Is, Needed, Unset};
use super::table::Takes::{Choice, Count, List, Named, NamedPath, One, Path, Size, Span, Switch};
use super::table::{Beside, Kind, Preset, Row, Takes};
use super::types::{CacheMode, Class, ClientCertificate, LogFormat, LogLevel, Robots};
use super::{MAX_FIELDS, address, rules, setters, url};
use crate::base;

const fn kb(count: u64) -> base::Size {
    base::Size::kib(count)
}

const fn mb(count: u64) -> base::Size {
    base::Size::mib(count)
}

const fn gb(count: u64) -> base::Size {
    base::Size::mib(count.saturating_mul(1024))
}

const NOTHING: base::Size = base::Size::ZERO;
const NO_TIME: Duration = Duration::ZERO;
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const TEN_YEARS: Duration = Duration::from_secs(3650 * 86_400);
/// What files of 32-bit systems and sums of a few sizes hold without a thought.
const LARGEST: base::Size = gb(1 << 20);

const ADDRESSES: &str = "a list of addresses with ports";
const RANGES: &str = "a list of addresses or ranges, as 192.168.4.0/24";

// One row a key, aligned by hand: the columns are the reference.
#[rustfmt::skip]
pub(super) static ROWS: &[Row] = &[
    row(Gateway, "name", Is("Hafir"), One("a text of at most 100 characters", setters::name),
        "The name that pages show, as that of the school."),
    // Port 8080 asks for no privileges, so the first start succeeds; both families, as phones prefer IPv6 where they see it.
    row(Gateway, "listen", Is("0.0.0.0:8080, [::]:8080"), List(ADDRESSES, |d, v| setters::listen(&mut d.gateway.listen, v)),
        "Where plain HTTP is answered."),
    row(Gateway, "state", Is("/var/lib/hafir"), Path("a folder", |d, v| d.gateway.state = v),
        "The folder for what must survive a power cut; a relative path is taken from this file's folder, here and everywhere."),
    row(Gateway, "languages", Is("en, fr, es, pt, sw, ar"), List("a list of language tags", |d, v| { d.gateway.languages.push(address::language(v)?); Ok(()) }),
        "The languages of the pages that the gateway writes itself, the preferred one first."),
    row(Gateway, "country", Unset("not told"), One("the two letters of a country", |d, v| { d.gateway.country = address::country(v)?; Ok(()) }),
        "The country where the board stands."),
    row(Gateway, "memory", Is("64 MB"), Size(mb(8), gb(64), |d, v| d.gateway.memory = v),
        "What buffers and tables may take in all, beside a few megabytes for the program."),
    row(Gateway, "workers", Is("auto"), One("auto, or a whole number from 1 to 64", setters::workers),
        "How many threads serve; auto is one for each core."),
    row(Gateway, "user", Unset("the account that started it"), One("the name of an account", |d, v| { d.gateway.user = address::account(v)?; Ok(()) }),
        "The account to become once the addresses are taken, so that nothing serves as root."),
    row(Gateway, "trusted_proxies", Unset("nobody"), List(RANGES, |d, v| { d.gateway.trusted_proxies.push(address::range(v)?); Ok(()) }),
        "Proxies whose word about the client's address is believed."),
    row(Gateway, "drain", Is("30 s"), Span(NO_TIME, HOUR, |d, v| d.gateway.drain = v),
        "How long a stop waits for answers that are under way."),

    row(Gateway, "timezone", Is("UTC"), One("UTC or a difference to it, as +03:00", rules::timezone),
        "Local time; quotas begin anew at local midnight."),
    row(Gateway, "robots", Is("off"), Choice(&[
            ("off", |d| d.gateway.robots = Robots::Off), ("refuse", |d| d.gateway.robots = Robots::Refuse),
            ("allow", |d| d.gateway.robots = Robots::Allow)]),
        "What /robots.txt tells programs that collect pages: what the routes say (off), that they stay away, or may come."),

    // Places in a head are kept in 16 bits, which bounds it below 64 KB.
    row(Limits, "head", Is("16 KB"), Size(kb(1), kb(60), |d, v| d.limits.head = v),
        "The largest head of a request or an answer, all header fields together."),
    row(Limits, "fields", Is("100"), Count(10, MAX_FIELDS, |d, v| d.limits.fields = v),
        "The most header fields in a head."),
    row(Limits, "target", Is("8 KB"), Size(base::Size::bytes(256), kb(32), |d, v| d.limits.target = v),
        "The longest address (path and query) of a request."),
    row(Limits, "connections", Is("2000"), Count(1, 100_000, |d, v| d.limits.connections = v),
        "Connections of all clients together."),
    // A cheap access point hides a class behind one address, and a browser opens six connections a site.
    row(Limits, "connections_per_client", Is("1000"), Count(1, 100_000, |d, v| d.limits.connections_per_client = v),
        "Connections of one client address; an access point that translates addresses makes a whole class look like one."),

    row(Timeouts, "head", Is("20 s"), Span(SECOND, HOUR, |d, v| d.timeouts.head = v),
        "From the first byte of a request's head to its last."),
    row(Timeouts, "idle", Is("75 s"), Span(SECOND, HOUR, |d, v| d.timeouts.idle = v),
        "How long a client's connection may rest between two requests."),
    row(Timeouts, "handshake", Is("15 s"), Span(SECOND, HOUR, |d, v| d.timeouts.handshake = v),
        "The TLS handshake with a client."),
    // A phone on 2G moves 20 KB in half a minute on a bad day; a drip of one byte a second moves 30 bytes.
    row(Timeouts, "progress", Is("30 s"), Span(SECOND, HOUR, |d, v| d.timeouts.progress = v),
        "The span in which a body must move on by progress_bytes, or the connection is cut."),
    row(Timeouts, "progress_bytes", Is("1 KB"), Size(base::Size::bytes(1), mb(1), |d, v| d.timeouts.progress_bytes = v),
        "How far a body must move in each progress span, in either direction."),

    row(Tls, "listen", Is("0.0.0.0:443, [::]:443"), List(ADDRESSES, |d, v| setters::listen(&mut d.tls.listen, v)),
        "Where HTTPS is answered; sections may share addresses, and each certificate serves the names in it."),
    row(Tls, "certificate", Needed, Path("a PEM file", |d, v| d.tls.certificate = v),
        "The certificate chain, the site's own first; read again when it changes."),
    row(Tls, "key", Needed, Path("a PEM file", |d, v| d.tls.key = v),
        "The certificate's private key."),
    row(Tls, "client", Is("off"), Choice(&[
            ("off", |d| d.tls.client = ClientCertificate::Off), ("optional", |d| d.tls.client = ClientCertificate::Optional),
            ("required", |d| d.tls.client = ClientCertificate::Required)]),
        "Whether clients are asked for a certificate of their own, and whether those without one are let in."),
    row(Tls, "client.ca", Unset("nobody's certificate counts"), Path("a PEM file", |d, v| d.tls.client_ca = Some(v)),
        "The authorities that clients' certificates must come from; read again when it changes."),
    row(Tls, "client.crl", Unset("none is revoked"), Path("a PEM file", |d, v| d.tls.client_crl = Some(v)),
        "Lists of revoked certificates; read again when it changes."),

    row(Cache, "dir", Is("cache"), One("a folder", |d, v| { d.cache.dir = super::table::path(v, "a folder")?; Ok(()) }),
        "Where answers are kept; a relative path is taken from the state folder."),
    row(Cache, "size", Is("8 GB"), Size(NOTHING, LARGEST, |d, v| d.cache.size = v),
        "What kept answers take at most; 0 keeps nothing."),
    row(Cache, "keep_free", Is("500 MB"), Size(NOTHING, LARGEST, |d, v| d.cache.keep_free = v),
        "What stays free on the card, whatever size says."),
    row(Cache, "max_object", Is("2 GB"), Size(kb(1), LARGEST, |d, v| d.cache.max_object = v),
        "Larger answers pass by without being kept."),
    row(Cache, "targets", Is("Hafir-Cache-Control, CDN-Cache-Control"), List("a list of field names", setters::target),
        "Fields of answers that count here in place of Cache-Control; the first one that is there."),
    row(Cache, "sync", Is("5 s"), Span(Duration::from_millis(100), HOUR, |d, v| d.cache.sync = v),
        "At most this much recent work is lost in a power cut; longer spares the card."),

    row(Log, "level", Is("info"), Choice(&[
            ("error", |d| d.log.level = LogLevel::Error), ("warn", |d| d.log.level = LogLevel::Warn),
            ("info", |d| d.log.level = LogLevel::Info), ("debug", |d| d.log.level = LogLevel::Debug)]),
        "What is reported to standard error: this and what is graver."),
    row(Log, "access", Is("off"), One("off, stderr or a file", setters::access_log),
        "Where each request is written down; a relative path is taken from the state folder."),
    row(Log, "format", Is("combined"), Choice(&[
            ("combined", |d| d.log.format = LogFormat::Combined), ("json", |d| d.log.format = LogFormat::Json)]),
        "How each request is written down."),
    row(Log, "size", Is("10 MB"), Size(kb(64), gb(4), |d, v| d.log.size = v),
        "A log file that reaches this size is renamed to NAME.1 and begun again."),
    row(Log, "query", Is("off"), Switch(|d, v| d.log.query = v),
        "Whether the part of an address behind the ? is written down, which may name people."),

    row(Metrics, "listen", Is("127.0.0.1:8079"), List("off, or a list of addresses with ports", setters::metrics_listen),
        "Where /status and /metrics are answered, to whoever can reach the address."),

    row(Link, "rate", Unset("all there is"), One(rules::LINK_RATE, |d, v| { d.link.rate = Some(rules::link_rate(v)?); Ok(()) }),
        "What all routes together take from the link, so that what is urgent finds it free."),

    row(Audit, "dir", Is("audit"), One("a folder", |d, v| { d.audit.dir = super::table::path(v, "a folder")?; Ok(()) }),
        "Where the audit trail is kept; a relative path is taken from the state folder."),
    row(Audit, "size", Is("64 MB"), Size(mb(1), gb(64), |d, v| d.audit.size = v),
        "What the audit trail may take; the oldest part of it goes then."),
    row(Audit, "segment", Is("4 MB"), Size(kb(64), gb(1), |d, v| d.audit.segment = v),
        "The size of one part of the trail, which is then sealed."),

    row(Plan, "rate", Unset("no limit"), List(rules::RATE, |d, v| rules::push_rate(&mut d.plan.rates, rules::rate(v)?)),
        "How fast requests of one caller may come; several hold together."),
    row(Plan, "quota", Unset("no limit"), List(rules::QUOTA, |d, v| { d.plan.quotas.push(rules::quota(v)?); Ok(()) }),
        "What one caller may use up: requests, or bytes over the link; what is kept here costs nothing."),
    row(Plan, "concurrency", Unset("no limit"), Count(1, 100_000, |d, v| d.plan.concurrency = Some(v)),
        "Requests of one caller at the same time."),
    row(Plan, "bandwidth", Unset("no limit"), One(rules::LINK_RATE, |d, v| { d.plan.bandwidth = Some(rules::link_rate(v)?); Ok(()) }),
        "How fast answers go to one caller."),
    row(Plan, "scope", Unset("what the key or token has"), List("a list of scopes, as records.read", |d, v| { d.plan.scopes.push(rules::scope(v)?); Ok(()) }),
        "Scopes that everybody on the plan has."),
    row(Plan, "routes", Unset("all"), List("a list of names of routes", |d, v| { d.plan.routes.push(rules::words(v, "the name of a [route]")?); Ok(()) }),
        "The routes that people on the plan may use."),

    row(Jwt, "issuer", Needed, One("a text, as https://id.example.org", rules::issuer),
        "Who gives the tokens out, exactly as it stands in them (iss)."),
    row(Jwt, "audience", Needed, List("a list of texts", |d, v| { d.jwt.audience.push(rules::words(v, "an audience")?); Ok(()) }),
        "For whom tokens must be (aud); one of these."),
    row(Jwt, "keys", Is("discovery"), One("discovery or a URL", rules::keys),
        "Where the provider's public keys are; discovery asks the issuer. They are kept on the card."),
    row(Jwt, "keys.file", Unset("fetched"), Path("a JWK Set or a PEM file", rules::keys_file),
        "A file with the provider's public keys in place of fetched ones; read again when it changes."),
    row(Jwt, "algorithms", Unset("all that are safe"), List("a list, as RS256, ES256, EdDSA", rules::algorithm),
        "How tokens may be signed."),
    row(Jwt, "types", Unset("JWT, at+jwt, or none"), List("a list, as at+jwt", rules::token_type),
        "What tokens may say that they are (typ)."),
    row(Jwt, "leeway", Is("60 s"), Span(NO_TIME, Duration::from_secs(600), |d, v| d.jwt.leeway = v),
        "How far the clocks of provider and board may differ."),
    row(Jwt, "refresh", Is("1 h"), Span(Duration::from_secs(60), DAY, |d, v| d.jwt.refresh = v),
        "How often fetched keys are asked for anew."),
    row(Jwt, "keep", Is("30 days"), Span(HOUR, TEN_YEARS, |d, v| d.jwt.keep = v),
        "How long fetched keys count while the provider cannot be reached."),
    row(Jwt, "identity", Is("sub"), One("the name of a claim", |d, v| { d.jwt.identity = rules::words(v, "the name of a claim")?; Ok(()) }),
        "The claim by which people are told apart."),
    row(Jwt, "scope", Is("scope"), One("the name of a claim", |d, v| { d.jwt.scope = rules::words(v, "the name of a claim")?; Ok(()) }),
        "The claim that holds the scopes."),
    row(Jwt, "plan.claim", Is("plan"), One("the name of a claim", |d, v| { d.jwt.plan_claim = rules::words(v, "the name of a claim")?; Ok(()) }),
        "The claim that picks the plan, as role."),
    row(Jwt, "plan.NAME", Unset("the plan of the same name"), Named("the name of a plan", rules::plan_of_claim),
        "The plan for this value of that claim."),
    row(Jwt, "introspect", Unset("tokens are judged by their signatures"), One("a URL", |d, v| { d.jwt.introspect = Some(url::upstream(v)?); Ok(()) }),
        "Where the provider is asked about each token (RFC 7662), for tokens that say nothing by themselves."),
    row(Jwt, "client.id", Unset("none"), One("a text", |d, v| { d.jwt.client_id = rules::words(v, "a text")?; Ok(()) }),
        "The name by which the board asks the provider."),
    row(Jwt, "client.secret", Unset("none"), One("a text", |d, v| { d.jwt.client_secret = rules::words(v, "a text")?; Ok(()) }),
        "The password for that; better @/path/to/file."),
    row(Jwt, "ca", Unset("the web's authorities"), Path("a PEM file", |d, v| d.jwt.ca = Some(v)),
        "The certificate authorities that the provider is judged by."),

    row(User, "password", Needed, One("a hash as hafir password prints it, or a password", |d, v| { d.user.password = rules::words(v, "a password")?; Ok(()) }),
        "The password or, better, its hash as the command hafir password prints it."),
    row(User, "plan", Unset("that of the route"), One("the name of a plan", |d, v| { d.user.plan = Some(rules::words(v, "the name of a [plan]")?); Ok(()) }),
        "The plan that this user is on."),
    row(User, "scope", Unset("none"), List("a list of scopes, as records.read", |d, v| { d.user.scopes.push(rules::scope(v)?); Ok(()) }),
        "What this user may do."),

    row(Portal, "probes", Is("off"), Choice(&[
            ("pretend-online", |d| d.portal.probes = Probes::PretendOnline), ("portal", |d| d.portal.probes = Probes::Portal),
            ("off", |d| d.portal.probes = Probes::Off)]),
        "What phones are told that ask whether this Wi-Fi leads to the Internet: yes, see this page first, or what a route says."),
    row(Portal, "start", Is("on"), Switch(|d, v| d.portal.start = v),
        "Whether / shows what is here, where no route takes it."),

    row(Wifi, "name", Unset("no Wi-Fi is offered"), One("a name of at most 32 bytes", |d, v| { d.wifi.name = board::network_name(v)?; Ok(()) }),
        "The name of the Wi-Fi that the board offers."),
    row(Wifi, "passphrase", Unset("everybody may come"), One("8 to 63 characters", |d, v| { d.wifi.passphrase = board::passphrase(v)?; Ok(()) }),
        "What people type to come into that Wi-Fi; moved to the data partition at the first start."),
    row(Wifi, "channel", Is("6"), One("auto, 1 to 13, 36, 40, 44 or 48", |d, v| { d.wifi.channel = board::channel(v)?; Ok(()) }),
        "The radio channel; from 36 on it is 5 GHz, which not every board and phone has. auto: 1, 6 or 11, another on each board."),
    row(Wifi, "country", Unset("that of [gateway]"), One("the two letters of a country", |d, v| { d.wifi.country = address::country(v)?; Ok(()) }),
        "The country whose rules for radio hold."),
    row(Wifi, "address", Is("192.168.4.1/24"), One("a private address and the length of its network", |d, v| { d.wifi.address = board::board_address(v)?; Ok(()) }),
        "The address of the board in that Wi-Fi; phones get the others."),
    row(Wifi, "uplink", Is("ethernet"), Choice(&[
            ("ethernet", |d| d.wifi.uplink = Uplink::Ethernet), ("wifi", |d| d.wifi.uplink = Uplink::Wifi)]),
        "How the board reaches the Internet: by cable, or by a second Wi-Fi adapter."),
    row(Wifi, "uplink.name", Unset("no other Wi-Fi is joined"), One("a name of at most 32 bytes", |d, v| { d.wifi.uplink_name = board::network_name(v)?; Ok(()) }),
        "The name of the Wi-Fi that leads to the Internet, with uplink = wifi."),
    row(Wifi, "uplink.passphrase", Unset("it is open"), One("8 to 63 characters", |d, v| { d.wifi.uplink_passphrase = board::passphrase(v)?; Ok(()) }),
        "The passphrase of that Wi-Fi."),

    row(Board, "hostname", Is("hafir"), One("a name of letters, digits and hyphens", |d, v| { d.board.hostname = board::host_name(v)?; Ok(()) }),
        "What people type: http://NAME.lan or http://NAME.local."),
    row(Board, "ssh", Is("off"), Switch(|d, v| d.board.ssh = v),
        "Whether somebody can log in over SSH."),
    row(Board, "ssh.key", Unset("nobody"), List("a list of public keys of SSH", |d, v| { d.board.ssh_keys.push(board::ssh_key(v)?); Ok(()) }),
        "Who may log in: public keys, as the .pub files of ssh-keygen hold them."),
    row(Board, "time", Is("0.debian.pool.ntp.org, 1.debian.pool.ntp.org, 2.debian.pool.ntp.org"), List("off, or a list of names or addresses", |d, v| board::time_server(&mut d.board.time, v)),
        "Who is asked for the time when there is a link."),

    row(Route, "path", Unset("every path"), List("a list of paths, as /wiki/, 'exact /health' or *.mp4", |d, v| { d.route.matches.paths.push(url::path_match(v)?); Ok(()) }),
        "The path with all below it, one path exactly, or a pattern in which * stands for anything."),
    row(Route, "host", Unset("every host"), List("a list of host names, as wiki.school or *.school", |d, v| { d.route.matches.hosts.push(address::host_match(v)?); Ok(()) }),
        "The host that the client asks for."),
    row(Route, "method", Unset("every method"), List("a list of methods, as GET or POST", setters::method),
        "The methods that take this route."),
    row(Route, "header.NAME", Unset("not looked at"), Named("a text, or * for any", setters::match_header),
        "A header field that the request must have."),
    row(Route, "query.NAME", Unset("not looked at"), Named("a text, or * for any", setters::match_query),
        "A query parameter that the request must have, written as people read it."),

    row(Route, "upstream", Unset("another destination"), List("a list of URLs, as https://name", |d, v| { d.route.upstream.push(url::upstream(v)?); Ok(()) }),
        "Destination: the service behind; several are tried in order. A path in the URL, even a lone /, takes the place of the route's path."),
    row(Route, "files", Unset("another destination"), Path("a folder", |d, v| d.route.files = v),
        "Destination: a folder on this board."),
    row(Route, "redirect", Unset("another destination"), One("a path or a URL", |d, v| { d.route.redirect = url::location(v)?; Ok(()) }),
        "Destination: the client is sent elsewhere."),
    row(Route, "respond", Unset("another destination"), One("a status, or a status and a text", setters::respond),
        "Destination: an answer that is written here."),

    row(Route, "strip", Is("off"), Switch(|d, v| d.route.how.strip = v),
        "Whether the route's path is taken off before the request is passed on; of a pattern, the part before its first *.").beside(Upstream),
    row(Route, "rewrite", Unset("the path as it is"), One("a path, as /new/", |d, v| { d.route.how.rewrite = Some(url::rewrite(v)?); Ok(()) }),
        "What is put in place of the route's path.").beside(Upstream),
    row(Route, "upstream.host", Is("replace"), One("replace, keep or a host name", setters::upstream_host),
        "The Host that the upstream sees: its own, the client's, or this name.").beside(Upstream),
    row(Route, "upstream.ca", Unset("the web's authorities"), Path("a PEM file", |d, v| d.route.how.ca = Some(v)),
        "The certificate authorities that upstreams are judged by.").beside(Upstream),
    row(Route, "upstream.verify", Unset("the host in the URL"), One("a host name", setters::upstream_verify),
        "The name that the upstream's certificate must carry.").beside(Upstream),
    row(Route, "upstream.connections", Is("100"), Count(1, 10_000, |d, v| d.route.how.connections = v),
        "Connections to each upstream at the same time.").beside(Upstream),
    row(Route, "upstream.keep", Is("60 s"), Span(NO_TIME, DAY, |d, v| d.route.how.keep = v),
        "How long an unused connection to an upstream is kept.").beside(Upstream),
    row(Route, "timeout.connect", Is("10 s"), Span(Duration::from_millis(100), HOUR, |d, v| d.route.how.connect = v),
        "How long reaching an upstream may take, its TLS handshake included.").beside(Upstream),
    // A search over a satellite link: seconds of round trips, then the service itself.
    row(Route, "timeout.first_byte", Is("60 s"), Span(Duration::from_millis(100), HOUR, |d, v| d.route.how.first_byte = v),
        "How long an upstream may think before its answer begins.").beside(Upstream),
    row(Route, "timeout.upstream", Is("60 s"), Span(Duration::from_millis(100), DAY, |d, v| d.route.how.idle = v),
        "How long an upstream's answer may pause.").beside(Upstream),

    row(Route, "allow", Unset("everybody"), List(RANGES, |d, v| { d.route.allow.push(address::range(v)?); Ok(()) }),
        "Only these client addresses may use the route."),
    row(Route, "deny", Unset("nobody"), List(RANGES, |d, v| { d.route.deny.push(address::range(v)?); Ok(()) }),
        "These client addresses may not, even where allow has them."),
    row(Route, "auth", Unset("nobody is asked"), List(rules::AUTH, |d, v| rules::auth(&mut d.route.auth.any, v)),
        "How people show who they are; any one of these will do: a key, a token, a password or a certificate."),
    row(Route, "auth.require", Unset("nothing more"), List(rules::AUTH, |d, v| rules::auth(&mut d.route.auth.all, v)),
        "What they must show besides, all of it."),
    row(Route, "auth.jwt", Unset("all"), List("a list of names of [jwt] sections", |d, v| { d.route.auth.issuers.push(rules::words(v, "the name of a [jwt]")?); Ok(()) }),
        "The providers whose tokens count here."),
    row(Route, "auth.header", Is("Authorization, X-API-Key"), List("a list of header fields", |d, v| rules::field_names(&mut d.route.auth.key_headers, v)),
        "Where keys are looked for; in Authorization they stand behind Bearer."),
    row(Route, "auth.query", Unset("not there"), One("the name of a query parameter", |d, v| { d.route.auth.key_query = Some(rules::words(v, "the name of a query parameter")?); Ok(()) }),
        "A query parameter that may carry a key, for programs that can do no better."),
    row(Route, "auth.forward", Is("off"), Switch(|d, v| d.route.auth.forward = v),
        "Whether the upstream sees the key, token or password.").beside(Upstream),
    row(Route, "auth.plain_http", Is("off"), Switch(|d, v| d.route.auth.plain_http = v),
        "Whether passwords are taken without HTTPS, where everybody on the Wi-Fi can read them."),
    row(Route, "auth.offline", Is("1 h"), Span(NO_TIME, TEN_YEARS, |d, v| d.route.auth.offline = v),
        "How long somebody whom the provider confirmed is believed while it cannot be asked (introspect)."),
    row(Route, "scope", Unset("none is needed"), List("a list of scopes, as records.read", rules::route_scope),
        "What a caller must be allowed to do; all of these."),
    row(Route, "scope.NAME", Unset("none is needed"), Named("a list of scopes", rules::method_scope),
        "The same for one method, as scope.POST = records.write. What GET needs, HEAD needs too."),
    row(Route, "claim.NAME", Unset("not looked at"), Named("a value, or several parted by commas", rules::claim),
        "A claim that a token must make, with one of these values."),
    row(Route, "tell.NAME", Unset("nothing is told"), Named("id, name, plan, scope or claim.NAME", rules::tell),
        "A header field that tells the upstream who it is; what clients send under its name is taken away.").beside(Upstream),
    row(Route, "clock.unsure", Is("accept-known"), Choice(&[
            ("accept-known", |d| d.route.auth.unsure = UnsureClock::AcceptKnown), ("refuse", |d| d.route.auth.unsure = UnsureClock::Refuse),
            ("accept", |d| d.route.auth.unsure = UnsureClock::Accept)]),
        "What becomes of credentials that end while the board does not know the time: those given out here and those judged before count, none, or all."),
    row(Route, "mtls.ca", Unset("that of [tls]"), Path("a PEM file", |d, v| d.route.auth.client_ca = Some(v)),
        "The authorities that clients' certificates must come from here."),
    row(Route, "mtls.name", Unset("every name"), List("a list of names, as *.clinic.example", rules::client_name),
        "The names that clients' certificates may have here."),
    row(Route, "mtls.forward", Is("off"), Switch(|d, v| d.route.auth.client_forward = v),
        "Whether the upstream is told the client's certificate (Client-Cert).").beside(Upstream),

    row(Route, "plan", Unset("none"), One("the name of a plan", |d, v| { d.route.limits.plan = Some(rules::words(v, "the name of a [plan]")?); Ok(()) }),
        "The plan of those who come with none of their own."),
    row(Route, "rate", Unset("no limit"), List(rules::RATE_RULE, |d, v| rules::push_rate(&mut d.route.limits.rates, rules::rate_rule(v)?)),
        "How fast requests may come, of each caller where nothing else is said."),
    row(Route, "quota", Unset("no limit"), List(rules::QUOTA, |d, v| { d.route.limits.quotas.push(rules::quota(v)?); Ok(()) }),
        "What one caller may use up here: requests, or bytes over the link."),
    row(Route, "concurrency", Unset("no limit"), Count(1, 100_000, |d, v| d.route.limits.concurrency = Some(v)),
        "Requests of one caller at the same time."),
    row(Route, "concurrency.route", Unset("no limit"), Count(1, 100_000, |d, v| d.route.limits.route_concurrency = Some(v)),
        "Requests of all callers at the same time."),
    row(Route, "queue", Is("0 s"), Span(NO_TIME, HOUR, |d, v| d.route.limits.queue = v),
        "How long a request waits for its turn before it is refused."),
    row(Route, "bandwidth", Unset("no limit"), One(rules::LINK_RATE, |d, v| { d.route.limits.bandwidth = Some(rules::link_rate(v)?); Ok(()) }),
        "How fast answers go to one caller."),
    row(Route, "bandwidth.route", Unset("no limit"), One(rules::LINK_RATE, |d, v| { d.route.limits.route_bandwidth = Some(rules::link_rate(v)?); Ok(()) }),
        "How fast answers go to all callers together."),
    row(Route, "priority", Is("normal"), Choice(&[
            ("high", |d| d.route.limits.priority = Priority::High), ("normal", |d| d.route.limits.priority = Priority::Normal),
            ("low", |d| d.route.limits.priority = Priority::Low)]),
        "Whose bytes come first over the link, see [link] rate.").beside(Upstream),
    row(Route, "limit.pages", Unset("no limit"), One(rules::RATE, |d, v| { d.route.limits.distinct = Some(rules::rate(v)?); Ok(()) }),
        "Different pages that one client address may ask for; whoever collects everything is slowed down, then refused."),
    row(Route, "limit.errors", Unset("no limit"), One(rules::RATE, |d, v| { d.route.limits.errors = Some(rules::rate(v)?); Ok(()) }),
        "Refused requests of one client address, as of one who guesses keys."),
    row(Route, "limit.types", Unset("every type"), List("a list of media types, as application/json", rules::media_type),
        "What the bodies of requests may be."),
    row(Route, "limit.methods", Unset("every method"), List("a list of methods, as GET or POST", rules::only_method),
        "The methods that are answered; others are told which."),
    row(Route, "schema.size", Is("1 MB"), Size(kb(1), mb(64), |d, v| d.route.content.schema_size = v),
        "The largest body that is held against a schema."),
    row(Route, "schema.depth", Is("64"), Count(1, 512, |d, v| d.route.content.schema_depth = v),
        "How deep such a body may be nested."),
    row(Route, "schema.NAME", Unset("not looked at"), NamedPath("a JSON Schema file", rules::schema),
        "The JSON Schema (2020-12) for bodies of a method, as schema.POST; schema.any is for all, schema.response for answers, which are only reported."),
    row(Route, "check.strict", Is("off"), Switch(|d, v| d.route.content.strict_query = v),
        "Whether query parameters without a rule are refused."),
    row(Route, "check.query.NAME", Unset("not looked at"), Named(rules::CHECK, rules::check_query),
        "What a query parameter may be."),
    row(Route, "check.header.NAME", Unset("not looked at"), Named(rules::CHECK, rules::check_header),
        "What a header field may be."),
    row(Route, "audit", Is("off"), Switch(|d, v| d.route.audit = v),
        "Whether each request is written into the audit trail; class patient always is."),
    row(Route, "mask", Unset("none"), List("a list of header fields", |d, v| rules::field_names(&mut d.route.mask, v)),
        "Header fields that no log shows."),
    row(Route, "limit.body", Is("100 MB"), Size(NOTHING, LARGEST, |d, v| d.route.body = v),
        "The largest body of a request, as a film that is handed in."),
    row(Route, "upgrade", Is("off"), Switch(|d, v| d.route.upgrade = v),
        "Whether WebSockets and other upgrades are passed on.").beside(Upstream),
    row(Route, "set.request.NAME", Unset("as the client sent it"), Named("a text", setters::set_request),
        "A header field that the upstream sees with this value.").beside(Upstream),
    row(Route, "remove.request.NAME", Unset("as the client sent it"), Named("on or off", setters::remove_request),
        "A header field that the upstream does not see.").beside(Upstream),
    row(Route, "set.response.NAME", Unset("as the answer has it"), Named("a text", setters::set_response),
        "A header field that clients see with this value."),
    row(Route, "remove.response.NAME", Unset("as the answer has it"), Named("on or off", setters::remove_response),
        "A header field that clients do not see."),

    row(Route, "cache", Is("on"), Choice(&[
            ("on", |d| d.route.cache.mode = CacheMode::On), ("off", |d| d.route.cache.mode = CacheMode::Off),
            ("forced", |d| d.route.cache.mode = CacheMode::Forced)]),
        "Whether answers are kept: as HTTP says (on), never (off), or for cache.for whatever the service says (forced).").beside(Upstream),
    row(Route, "class", Is("public"), Choice(&[
            ("public", |d| d.route.cache.class = Class::Public), ("personal", |d| d.route.cache.class = Class::Personal),
            ("patient", |d| d.route.cache.class = Class::Patient)]),
        "Whom answers tell of: nobody (public), those who ask with cookies or passwords (personal), or patients, of whom nothing is kept or logged."),
    row(Route, "cache.for", Unset("as HTTP says"), Span(NO_TIME, TEN_YEARS, |d, v| d.route.cache.fresh_for = Some(v)),
        "How long an answer that says nothing about it counts as fresh; of a forced route, every answer.").beside(Upstream),
    // The uplink may be gone for a term. A page of last year helps, and an error page does not; what must not be shown
    // late says so itself (must-revalidate), and space is a matter of `size`.
    row(Route, "stale", Is("365 days"), Span(NO_TIME, TEN_YEARS, |d, v| d.route.cache.stale = v),
        "How long past its freshness an answer still helps out while the upstream cannot be reached.").beside(Upstream),
    row(Route, "cache.max_object", Unset("that of [cache]"), Size(kb(1), LARGEST, |d, v| d.route.cache.max_object = Some(v)),
        "Larger answers of this route pass by without being kept.").beside(Upstream),
    row(Route, "cache.status", Unset("200, 203, 204, 300, 301 and 308"), List("a list of statuses, as 200, 404", setters::cache_status),
        "The answers that cache.for is for.").beside(Upstream),
    row(Route, "cache.key", Is("query"), List("query, query.NAME, header.NAME, cookie.NAME or path", setters::cache_key),
        "What names an answer beside its path: the whole query, single parameters, fields or cookies, or the path alone.").beside(Upstream),
    row(Route, "cache.ignore_query", Unset("nothing"), List("a list of parameters, as utm_*, fbclid", setters::ignore_query),
        "Query parameters that make no difference to an answer; * at the end stands for any rest.").beside(Upstream),
    row(Route, "cache.pin", Is("off"), Switch(|d, v| d.route.cache.pin = v),
        "Whether kept answers of this route stay when others must make room.").beside(Upstream),
    // Half of a film that nobody watches is better kept than paid for to its end; the other half is asked for when needed.
    row(Route, "cache.finish", Is("50 %"), One("always, never or a percentage, as 50 %", setters::finish),
        "Whether a download goes on when its last client has left: if so much of it has come. The rest is fetched when asked for.").beside(Upstream),
    row(Route, "cache.compress", Is("on"), Switch(|d, v| d.route.cache.compress = v),
        "Whether the upstream is asked for compressed answers, which are unpacked for clients that cannot do so.").beside(Upstream),
    row(Route, "files.index", Is("index.html, index.htm"), List("a list of file names", setters::index),
        "The file that stands for its folder; the first one that is there.").beside(Files),
    row(Route, "files.listing", Is("off"), Switch(|d, v| d.route.listing = v),
        "Whether a folder without such a file shows what is in it.").beside(Files),
    row(Route, "files.symlinks", Is("off"), Switch(|d, v| d.route.symlinks = v),
        "Whether links may lead out of the folder.").beside(Files),
    row(Route, "redirect.status", Is("302"), One("301, 302, 303, 307 or 308", setters::redirect_status),
        "The kind of redirect: 301 and 308 are remembered by browsers for good.").beside(Redirect),
    row(Route, "respond.type", Is("text/plain; charset=utf-8"), One("a media type", setters::respond_type),
        "What the text is.").beside(Respond),
];

const fn row(kind: Kind, key: &'static str, preset: Preset, takes: Takes, meaning: &'static str) -> Row {
    Row { kind, key, preset, takes, beside: Anything, meaning }
}

impl Row {
    /// The key has a meaning on such routes only.
    const fn beside(self, beside: Beside) -> Row {
        let Row { kind, key, preset, takes, beside: _, meaning } = self;
        Row { kind, key, preset, takes, beside, meaning }
    }
}
