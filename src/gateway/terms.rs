//! A route's terms in words, for `hafir explain`: what its class implies, who may pass, how much, and what messages hold.

use std::fmt::Write;
use std::time::Duration;

use crate::base::LinkRate;
use crate::config::{
    AuthMethod, CacheMode, Class, Config, Each, PlanConfig, Priority, RouteConfig, ScopeRule, Tell, UnsureClock,
    ValueRule, ValueShape,
};

/// Appends a row for each thing that holds on the route.
pub(super) fn write(text: &mut String, config: &Config, route: &RouteConfig) {
    let mut rows = Rows(text);
    rows.many("class", class(route));
    who(&mut rows, route);
    how_much(&mut rows, config, route);
    content(&mut rows, route);
    rows.one("audit", if route.audit { "each request is written into the audit trail" } else { "not written" });
    if !route.mask.is_empty() {
        rows.one("mask", &format!("no log shows {}", route.mask.join(", ")));
    }
}

/// What a class switches on, all at once.
fn class(route: &RouteConfig) -> &'static [&'static str] {
    match route.cache.class {
        Class::Personal if route.cache.mode == CacheMode::Off => &[
            "personal: no answer is kept, as each is for the one who asked",
            "no log shows queries or the page that somebody came from",
        ],
        Class::Public => &["public: kept as answers allow; logs show queries where '[log] query = on'"],
        Class::Personal => &[
            "personal: what comes with Cookie or Authorization goes by the cache",
            "no log shows queries or the page that somebody came from",
        ],
        Class::Patient => &[
            "patient: nothing is kept on the card, not even its name",
            "answers say 'Cache-Control: private, no-store', whatever the upstream says",
            "HTTPS only (else 403), and only for those who show who they are (else 401)",
            "logs and metrics show the route, the status, sizes and times: no address, name, path, query or field",
            "each request is written into the audit trail: who, which route, when and how it ended",
            "nothing is told to anybody but the upstream, and no trace ids to that one",
        ],
    }
}

/// Rows of a label and what is said of it.
struct Rows<'t>(&'t mut String);

impl Rows<'_> {
    fn one(&mut self, label: &str, said: &str) {
        let _ = writeln!(self.0, "  {label:<12}  {said}");
    }

    /// The label stands in the first row only.
    fn many<S: AsRef<str>>(&mut self, label: &str, said: impl IntoIterator<Item = S>) {
        for (at, said) in said.into_iter().enumerate() {
            self.one(if at == 0 { label } else { "" }, said.as_ref());
        }
    }
}

fn who(rows: &mut Rows<'_>, route: &RouteConfig) {
    let auth = &route.auth;
    if !auth.asks_anything() {
        return rows.one("auth", "nobody is asked who they are");
    }
    let any = joined(auth.any.iter().map(|method| method_name(*method)), " or ");
    let all = joined(auth.all.iter().map(|method| method_name(*method)), " and ");
    rows.one(
        "auth",
        &match (any.is_empty(), all.is_empty()) {
            (false, false) => format!("{any}; and besides {all}"),
            (false, true) => any,
            (true, _) => all,
        },
    );
    if auth.asks(AuthMethod::Key) {
        let query = auth.key_query.iter().map(|name| format!("the query parameter {name}"));
        rows.one("key in", &joined(auth.key_headers.iter().cloned().chain(query), ", "));
    }
    if auth.asks(AuthMethod::Jwt) && !auth.issuers.is_empty() {
        rows.one("tokens of", &auth.issuers.join(", "));
    }
    if !auth.client_names.is_empty() {
        rows.one("certificates", &format!("of {}", auth.client_names.join(", ")));
    }
    rows.many("scope", auth.scopes.iter().map(scope));
    rows.many("claim", auth.claims.iter().map(|(name, values)| format!("{name} is {values}")));
    rows.many("tells", auth.tells.iter().map(|(field, what)| format!("{field}: {}", tell(what))));
    rows.one("credential", if auth.forward { "seen by the upstream" } else { "kept from the upstream" });
    rows.one(
        "clock unsure",
        match auth.unsure {
            UnsureClock::AcceptKnown => "credentials from here count, and tokens that were judged before",
            UnsureClock::Refuse => "nothing that can end counts until the time is known",
            UnsureClock::Accept => "everything counts, ended or not",
        },
    );
}

fn method_name(method: AuthMethod) -> &'static str {
    match method {
        AuthMethod::Key => "a key",
        AuthMethod::Jwt => "a token",
        AuthMethod::Basic => "a password",
        AuthMethod::Mtls => "a client certificate",
    }
}

fn scope(rule: &ScopeRule) -> String {
    let scopes = rule.scopes.join(" and ");
    rule.method.as_ref().map_or_else(|| scopes.clone(), |method| format!("{scopes} for {method}"))
}

fn tell(what: &Tell) -> String {
    match what {
        Tell::Id => "the caller's id".to_owned(),
        Tell::Name => "the caller's name".to_owned(),
        Tell::Plan => "the caller's plan".to_owned(),
        Tell::Scope => "the caller's scopes".to_owned(),
        Tell::Claim(name) => format!("the claim {name}"),
    }
}

fn how_much(rows: &mut Rows<'_>, config: &Config, route: &RouteConfig) {
    let limits = &route.limits;
    if let Some(name) = &limits.plan {
        let plan = config.plans.iter().find(|plan| plan.name == *name);
        let terms = plan.map(plan_terms).filter(|terms| !terms.is_empty());
        rows.one("plan", &terms.map_or_else(|| name.clone(), |terms| format!("{name}, of those with none: {terms}")));
    }
    let rates = limits.rates.iter().map(|rule| format!("{} of {}", rule.rate, each(rule.each)));
    rows.many("rate", rates);
    rows.many("quota", limits.quotas.iter().map(|quota| format!("{quota} of each caller")));
    let one = limits.concurrency.map(|most| format!("{most} of one caller"));
    let all = limits.route_concurrency.map(|most| format!("{most} of all"));
    let most = joined(one.into_iter().chain(all), ", ");
    if !most.is_empty() {
        let queue = if limits.queue.is_zero() {
            "nobody waits".to_owned()
        } else {
            format!("others wait up to {}", span(limits.queue))
        };
        rows.one("at once", &format!("{most}; {queue}"));
    }
    let speed = |rate: Option<LinkRate>, whose| rate.map(|rate| format!("{rate} towards {whose}"));
    let speeds = speed(limits.bandwidth, "one caller").into_iter().chain(speed(limits.route_bandwidth, "all"));
    rows.many("bandwidth", speeds);
    match limits.priority {
        Priority::High => rows.one("priority", "high: before others on the link"),
        Priority::Normal => {}
        Priority::Low => rows.one("priority", "low: behind others on the link"),
    }
    let distinct = limits.distinct.map(|rate| format!("{rate} different addresses of one client"));
    let errors = limits.errors.map(|rate| format!("{rate} answers of 4xx to one client"));
    rows.many("scraping", distinct.into_iter().chain(errors));
}

fn plan_terms(plan: &PlanConfig) -> String {
    let rates = plan.rates.iter().map(ToString::to_string);
    let quotas = plan.quotas.iter().map(ToString::to_string);
    let at_once = plan.concurrency.map(|most| format!("{most} at once"));
    let bandwidth = plan.bandwidth.map(|rate| rate.to_string());
    joined(rates.chain(quotas).chain(at_once).chain(bandwidth), ", ")
}

fn each(each: Each) -> &'static str {
    match each {
        Each::Caller => "each caller",
        Each::Address => "each address",
        Each::Route => "all together",
    }
}

fn content(rows: &mut Rows<'_>, route: &RouteConfig) {
    let content = &route.content;
    if !content.methods.is_empty() {
        rows.one("methods", &content.methods.join(", "));
    }
    if !content.types.is_empty() {
        rows.one("body types", &content.types.join(", "));
    }
    rows.many(
        "schema",
        content.schemas.iter().map(|(method, path)| match method.as_str() {
            "*" => format!("{} for request bodies, up to {}", path.display(), content.schema_size),
            method => format!("{} for bodies of {method}, up to {}", path.display(), content.schema_size),
        }),
    );
    if let Some(path) = &content.response_schema {
        rows.one("", &format!("{} for answers, which are judged only", path.display()));
    }
    rows.many("query", content.query.iter().map(value_rule));
    if content.strict_query {
        rows.one("", "no other parameters");
    }
    rows.many("headers", content.headers.iter().map(value_rule));
}

fn value_rule((name, rule): &(String, ValueRule)) -> String {
    let shape = match &rule.shape {
        ValueShape::Any => "anything".to_owned(),
        ValueShape::Text(least, most) => format!("{least} to {most} characters"),
        ValueShape::Integer(i64::MIN, i64::MAX) => "a whole number".to_owned(),
        ValueShape::Integer(least, most) => format!("a whole number from {least} to {most}"),
        ValueShape::Number => "a number".to_owned(),
        ValueShape::Bool => "true or false".to_owned(),
        ValueShape::Date => "a date, as 2026-11-23".to_owned(),
        ValueShape::Uuid => "a UUID".to_owned(),
        ValueShape::OneOf(values) => format!("one of {}", values.join(", ")),
    };
    format!("{name}: {shape}{}", if rule.required { ", required" } else { "" })
}

fn joined<S: AsRef<str>>(parts: impl Iterator<Item = S>, between: &str) -> String {
    let mut text = String::new();
    for part in parts {
        text.push_str(if text.is_empty() { "" } else { between });
        text.push_str(part.as_ref());
    }
    text
}

fn span(span: Duration) -> String {
    match span.as_secs() {
        0 => format!("{} ms", span.as_millis()),
        seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn terms(ini: &str) -> String {
        let loaded = crate::config::load_bytes("a.ini", ini.as_bytes(), Path::new("/x"));
        let config = loaded.unwrap_or_else(|problems| panic!("{problems}")).config;
        let mut text = String::new();
        write(&mut text, &config, config.routes.last().unwrap());
        text
    }

    #[test]
    fn an_open_route_has_few_terms() {
        assert_eq!(
            terms("[route a]\nrespond = 200\n"),
            "  class         public: kept as answers allow; logs show queries where '[log] query = on'\n  \
               auth          nobody is asked who they are\n  audit         not written\n"
        );
    }

    #[test]
    fn all_that_holds_is_told() {
        let text = terms(
            "[plan clinic]\nrate = 5/s burst 20\nquota = 1000/day\n\
             [tls]\nlisten = 127.0.0.1:8443\ncertificate = c\nkey = k\n\
             [route a]\nupstream = http://a\nclass = patient\nauth = key, basic\nscope = records.read\n\
             scope.POST = records.write\nplan = clinic\nrate = 2/s\nconcurrency = 4\nqueue = 30 s\nmask = X-Ward\n\
             limit.methods = GET, POST\n[user u]\npassword = a-long-password\n",
        );
        for row in [
            "  class         patient: nothing is kept on the card, not even its name\n",
            "                HTTPS only (else 403), and only for those who show who they are (else 401)\n",
            "  auth          a key or a password\n",
            "  key in        authorization, x-api-key\n",
            "  scope         records.read\n                records.write for POST\n",
            "  credential    kept from the upstream\n",
            "  plan          clinic, of those with none: 5/s burst 20, 1000/day\n",
            "  rate          2/s of each caller\n",
            "  at once       4 of one caller; others wait up to 30 s\n",
            "  methods       GET, POST\n",
            "  audit         each request is written into the audit trail\n",
            "  mask          no log shows x-ward\n",
        ] {
            assert!(text.contains(row), "{row}\n{text}");
        }
    }
}
