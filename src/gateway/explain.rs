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
        let _ = write!(text, "?{query}");
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
