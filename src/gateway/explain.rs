//! What would become of a request, in words: `hafir explain`.

use std::fmt::Write;

use crate::cache::policy;
use crate::config::{CacheMode, Config, DestinationConfig, RouteConfig};
use crate::http::{HeadLimits, Method, Parse, RequestHead, Scan, target};
use crate::routing::{Table, Verdict};

use super::plan::{Request, routing_request};
use super::terms;

/// Explains the request whose head is `head`, as it would come over the wire.
pub(crate) fn explain(config: &Config, head: &[u8]) -> Result<String, String> {
    let limits = HeadLimits {
        head: config.limits.head.as_usize(),
        fields: config.limits.fields,
        target: config.limits.target.as_usize(),
    };
    let parsed = RequestHead::parse(head, &limits, &mut Scan::default());
    let parsed = match parsed.map_err(|bad| format!("refused with {}: {bad}", bad.status()))? {
        Parse::Complete(parsed) => parsed,
        Parse::Partial => return Err("the request is not complete".to_owned()),
    };
    let request = Request::within(&parsed, head);
    let target = target::of(request.method, request.target, request.version, request.fields)
        .map_err(|bad| format!("refused with {}: {bad}", bad.status()))?;
    let table = Table::build(&config.routes).map_err(|problem| problem.to_string())?;
    let asked = routing_request(&request, &target);
    let mut text = format!("{} {}", asked.method, asked.path);
    if let Some(query) = asked.query {
        let _ = write!(text, "?{}", without_keys(query, config));
    }
    let _ = writeln!(text, "  (host {})\n", if asked.host.is_empty() { "not given" } else { asked.host });
    let mut taken = None;
    for (id, verdict) in table.explain(&asked) {
        let route = config.routes.get(id.index());
        let name = route.map_or("?", |route| route.name.as_str());
        let mark = if matches!(verdict, Verdict::Taken { .. }) { "->" } else { "  " };
        let _ = writeln!(text, "{mark} [route {name}] {verdict}");
        taken = if matches!(verdict, Verdict::Taken { .. }) { route } else { taken };
    }
    match taken {
        Some(route) => policies(&mut text, config, route, &request),
        None => text.push_str("\nNo route takes it: 404.\n"),
    }
    Ok(text)
}

/// What the request meets on its route.
fn policies(text: &mut String, config: &Config, route: &RouteConfig, request: &Request<'_>) {
    let _ = writeln!(text, "\nOn [route {}], line {}:", route.name, route.line);
    let _ = writeln!(text, "  goes to       {}", destination(&route.destination));
    let list =
        |ranges: &[crate::base::AddrRange]| ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match (route.allow.is_empty(), route.deny.is_empty()) {
        (true, true) => text.push_str("  from          every address\n"),
        (_, _) => {
            let _ = writeln!(text, "  from          allow: {}; deny: {}", list(&route.allow), list(&route.deny));
        }
    }
    let _ = writeln!(text, "  body          up to {}", route.body);
    let _ = writeln!(text, "  upgrade       {}", if route.upgrade { "passed on" } else { "not passed on" });
    if matches!(route.destination, DestinationConfig::Upstream(_)) {
        let asked = policy::request(request.fields, request.method, &route.cache);
        let kept = match asked {
            _ if route.cache.mode == CacheMode::Off => {
                "off: nothing is looked up there, and nothing is kept".to_owned()
            }
            Ok(_) => "may be answered from the cache, and its answer may be kept".to_owned(),
            Err(reason) => format!("goes by the cache ({})", reason.word()),
        };
        let _ = writeln!(text, "  cache         {kept}");
        if route.cache.mode != CacheMode::Off {
            let _ = writeln!(
                text,
                "  stale         up to {} days while the upstream cannot be reached",
                route.cache.stale.as_secs() / 86_400
            );
        }
    }
    terms::write(text, config, route);
    if matches!(request.method, Method::Other(_)) {
        text.push_str("  method        not a standard one; passed on as it is\n");
    }
}

/// The query without the keys in it: what is explained may be shown to others.
fn without_keys(query: &str, config: &Config) -> String {
    let is_key = |name: &str| config.routes.iter().any(|route| route.auth.key_query.as_deref() == Some(name));
    let shown = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if is_key(name) => format!("{name}=[redacted]"),
        Some(_) | None => pair.to_owned(),
    });
    shown.collect::<Vec<_>>().join("&")
}

fn destination(destination: &DestinationConfig) -> String {
    match destination {
        DestinationConfig::Upstream(urls) => {
            let urls: Vec<String> = urls
                .iter()
                .map(|url| {
                    format!("{}://{}:{}{}", if url.tls { "https" } else { "http" }, url.host, url.port, url.path)
                })
                .collect();
            format!("upstream {}", urls.join(", then "))
        }
        DestinationConfig::Files(files) => format!("the folder {}", files.root.display()),
        DestinationConfig::Redirect { location, status } => format!("a redirect ({status}) to {location}"),
        DestinationConfig::Respond { status, .. } => format!("a fixed answer ({status})"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn explained(head: &str) -> String {
        let ini = "[route a]\npath = /a\nupstream = http://a\nclass = personal\nauth = key\nauth.query = key\n\
                   [route b]\nupstream = http://b\n";
        let loaded = crate::config::load_bytes("a.ini", ini.as_bytes(), Path::new("/x"));
        let config = loaded.unwrap_or_else(|problems| panic!("{problems}")).config;
        explain(&config, head.as_bytes()).unwrap()
    }

    #[test]
    fn keys_are_not_shown_and_what_is_off_is_said_to_be() {
        let text = explained("GET /a?x=1&key=hafir_w-secret&y HTTP/1.1\r\nHost: board\r\n\r\n");
        assert!(text.starts_with("GET /a?x=1&key=[redacted]&y  (host board)\n"), "{text}");
        assert!(text.contains("  cache         off: nothing is looked up there, and nothing is kept\n"), "{text}");
        assert!(!text.contains("w-secret") && !text.contains("  stale  "), "{text}");
        let text = explained("GET /b HTTP/1.1\r\nHost: board\r\n\r\n");
        assert!(text.contains("may be answered from the cache") && text.contains("  stale  "), "{text}");
    }
}
