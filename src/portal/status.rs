//! The status page, and the same as text for a terminal.

use std::fmt::{self, Write};
use std::time::Duration;

use super::html::Text;
use crate::base::Size;
use crate::observe::{RouteStatus, Status};

/// Seconds between two looks of an open page.
const REFRESH: u32 = 10;

const STYLE: &str = ":root{color-scheme:light dark}\
    body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:1rem auto;padding:0 1rem}\
    h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}\
    .big{font-size:1.3rem}.bad{border-inline-start:.3rem solid #c33;padding-inline-start:.8rem}\
    .wide{overflow-x:auto}table{border-collapse:collapse;width:100%}\
    th,td{text-align:start;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #8884;vertical-align:top}\
    .n{text-align:end;white-space:nowrap}meter{width:100%}footer{margin:2rem 0;opacity:.7}";

/// A page that reloads itself and reads well on a phone.
pub(crate) fn status_page(status: &Status) -> String {
    let mut page = String::with_capacity(8 << 10);
    // Writing to a `String` does not fail.
    let _ = write_page(&mut page, status);
    page
}

/// Lines for a terminal.
pub(crate) fn status_text(status: &Status) -> String {
    let mut text = String::new();
    let _ = write_text(&mut text, status);
    text
}

fn write_page(page: &mut String, status: &Status) -> fmt::Result {
    let name = Text(&status.name);
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"refresh\" content=\"{REFRESH}\">\n<title>{name}: status</title>\n<style>{STYLE}</style>\n\
         <h1>{name}</h1>\n"
    )?;
    let problems = problems(status);
    if !problems.is_empty() {
        page.push_str("<section class=\"bad\"><h2>Needs attention</h2><ul>\n");
        for problem in &problems {
            writeln!(page, "<li>{}</li>", Text(problem))?;
        }
        page.push_str("</ul></section>\n");
    }
    writeln!(page, "<p class=\"big\">{}</p>", Savings(status))?;
    write_cache(page, status)?;
    write_upstreams(page, status)?;
    write_routes(page, status)?;
    writeln!(
        page,
        "<footer>hafir {} · up {} · {} · connections: {} · memory: {} · {}</footer>\n</html>",
        Text(&status.version),
        Span(status.uptime_seconds),
        Text(&time(status)),
        status.connections,
        Size::bytes(status.resident_bytes),
        Text(&status.config.file),
    )
}

fn write_cache(page: &mut String, status: &Status) -> fmt::Result {
    let cache = &status.cache;
    write!(page, "<h2>Cache</h2>\n<p>{}</p>\n", Text(&cache_line(status)))?;
    if cache.capacity_bytes > 0 {
        writeln!(page, "<meter max=\"{}\" value=\"{}\"></meter>", cache.capacity_bytes, cache.bytes)?;
    }
    Ok(())
}

fn write_upstreams(page: &mut String, status: &Status) -> fmt::Result {
    if status.upstreams.is_empty() {
        return Ok(());
    }
    page.push_str("<h2>Upstreams</h2>\n<div class=\"wide\"><table>\n<tr><th>route<th>upstream<th>state</tr>\n");
    for upstream in &status.upstreams {
        let state = if upstream.up { "✓ up".to_owned() } else { format!("✗ down: {}", upstream.why) };
        writeln!(
            page,
            "<tr><td>{}<td>{}<td>{}</tr>",
            Text(&upstream.route),
            Text(&upstream.url),
            Text(state.trim_end_matches([':', ' '])),
        )?;
    }
    page.push_str("</table></div>\n");
    Ok(())
}

fn write_routes(page: &mut String, status: &Status) -> fmt::Result {
    page.push_str(
        "<h2>Routes</h2>\n<div class=\"wide\"><table>\n<tr><th>route<th class=\"n\">requests<th class=\"n\">from cache\
         <th class=\"n\">stale<th class=\"n\">fetched<th class=\"n\">errors<th class=\"n\">sent<th class=\"n\">over the \
         link</tr>\n",
    );
    for route in &status.routes {
        write!(page, "<tr><td>{}", Text(route_name(route)))?;
        for cell in cells(route) {
            write!(page, "<td class=\"n\">{cell}")?;
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table></div>\n");
    Ok(())
}

fn write_text(text: &mut String, status: &Status) -> fmt::Result {
    writeln!(text, "{} (hafir {}), up {}", status.name, status.version, Span(status.uptime_seconds))?;
    writeln!(text, "{}", time(status))?;
    writeln!(text, "Configuration: {}", status.config.file)?;
    for problem in problems(status) {
        writeln!(text, "! {problem}")?;
    }
    writeln!(text, "{}", Savings(status))?;
    writeln!(text, "Cache: {}", cache_line(status))?;
    writeln!(text, "Connections: {}, memory: {}", status.connections, Size::bytes(status.resident_bytes))?;
    for upstream in &status.upstreams {
        let state = if upstream.up { "up".to_owned() } else { format!("DOWN ({})", upstream.why) };
        writeln!(text, "Upstream {} of {}: {state}", upstream.url, upstream.route)?;
    }
    for route in &status.routes {
        let [requests, hits, stale, fetched, errors, sent, uplink] = cells(route);
        writeln!(
            text,
            "Route {}: requests {requests}, from cache {hits}, stale {stale}, fetched {fetched}, errors {errors}, sent \
             {sent}, over the link {uplink}",
            route_name(route)
        )?;
    }
    Ok(())
}

/// Everything that somebody should look at, the worst first.
fn problems(status: &Status) -> Vec<String> {
    let mut problems = Vec::new();
    if status.config.last_good {
        problems.push(
            "The configuration file is broken, so it is not in use: an earlier good one is, if there was any."
                .to_owned(),
        );
    }
    problems.extend(status.config.problems.iter().cloned());
    problems.extend(status.problems.iter().cloned());
    if !status.clock_sure {
        problems
            .push("The clock is not believed: the board has not learned the time since it was switched on.".to_owned());
    }
    if status.panics > 0 {
        problems.push(format!("Requests ended by a defect: {}. Please report it with the log.", status.panics));
    }
    if status.log_lines_dropped > 0 {
        problems.push(format!("Lines of the access log that were lost: {}.", status.log_lines_dropped));
    }
    problems
}

fn time(status: &Status) -> String {
    if status.clock_sure { status.time.clone() } else { format!("{} (not sure)", status.time) }
}

fn cache_line(status: &Status) -> String {
    let cache = &status.cache;
    let why = if cache.why.is_empty() { String::new() } else { format!(" ({})", cache.why) };
    format!(
        "{}{why}, {} objects, {} of {}",
        cache.state,
        cache.objects,
        Size::bytes(cache.bytes),
        Size::bytes(cache.capacity_bytes)
    )
}

fn route_name(route: &RouteStatus) -> &str {
    if route.name.is_empty() { "(no route)" } else { &route.name }
}

fn cells(route: &RouteStatus) -> [String; 7] {
    [
        route.requests.to_string(),
        route.hits.saturating_add(route.revalidated).to_string(),
        route.stale.to_string(),
        route.misses.saturating_add(route.passes).to_string(),
        route.errors.to_string(),
        Size::bytes(route.sent_bytes).to_string(),
        Size::bytes(route.uplink_bytes).to_string(),
    ]
}

/// The sentence that the gateway exists for.
struct Savings<'a>(&'a Status);

impl fmt::Display for Savings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Status { requests, sent_bytes, uplink_bytes, saved_bytes, .. } = *self.0;
        let [sent, uplink, saved] = [sent_bytes, uplink_bytes, saved_bytes].map(Size::bytes);
        write!(f, "Requests: {requests}. Sent to people: {sent}. Over the link: {uplink}. Saved: {saved}.")
    }
}

/// `3 days 4 h`, `4 h 5 min`, `5 min`, `50 s`.
struct Span(u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = Duration::from_secs(self.0).as_secs() / 60;
        match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
            (0, 0, 0) => write!(f, "{} s", self.0),
            (0, 0, minutes) => write!(f, "{minutes} min"),
            (0, hours, minutes) => write!(f, "{hours} h {minutes} min"),
            (1, hours, _) => write!(f, "1 day {hours} h"),
            (days, hours, _) => write!(f, "{days} days {hours} h"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{CacheFacts, ConfigFacts, UpstreamStatus};

    fn status() -> Status {
        let mib = |count: u64| count << 20;
        Status {
            name: "Kitgum <Primary>".into(),
            version: "0.1.0".into(),
            uptime_seconds: 93_784,
            time: "Sun, 06 Nov 1994 08:49:37 GMT".into(),
            clock_sure: true,
            config: ConfigFacts { file: "/etc/hafir.ini".into(), ..Default::default() },
            cache: CacheFacts {
                state: "ready".into(),
                why: String::new(),
                bytes: mib(512),
                capacity_bytes: mib(8192),
                objects: 12,
            },
            upstreams: vec![UpstreamStatus {
                route: "wiki".into(),
                url: "https://en.wikipedia.org".into(),
                up: false,
                why: "no route to host".into(),
            }],
            routes: vec![
                RouteStatus {
                    name: "wiki".into(),
                    requests: 9,
                    hits: 5,
                    revalidated: 1,
                    misses: 3,
                    ..Default::default()
                },
                RouteStatus { requests: 1, ..Default::default() },
            ],
            connections: 4,
            requests: 10,
            sent_bytes: mib(90),
            uplink_bytes: mib(30),
            saved_bytes: mib(60),
            resident_bytes: mib(5),
            ..Default::default()
        }
    }

    #[test]
    fn the_text_says_it_in_lines() {
        assert_eq!(
            status_text(&status()),
            "Kitgum <Primary> (hafir 0.1.0), up 1 day 2 h\n\
             Sun, 06 Nov 1994 08:49:37 GMT\n\
             Configuration: /etc/hafir.ini\n\
             Requests: 10. Sent to people: 90 MB. Over the link: 30 MB. Saved: 60 MB.\n\
             Cache: ready, 12 objects, 512 MB of 8 GB\n\
             Connections: 4, memory: 5 MB\n\
             Upstream https://en.wikipedia.org of wiki: DOWN (no route to host)\n\
             Route wiki: requests 9, from cache 6, stale 0, fetched 3, errors 0, sent 0 bytes, over the link 0 bytes\n\
             Route (no route): requests 1, from cache 0, stale 0, fetched 0, errors 0, sent 0 bytes, over the link 0 bytes\n"
        );
    }

    #[test]
    fn the_page_shows_what_needs_attention_first() {
        let calm = status_page(&status());
        assert!(!calm.contains("Needs attention"), "{calm}");
        assert!(calm.contains("<h1>Kitgum &lt;Primary&gt;</h1>") && calm.contains("Saved: 60 MB"), "{calm}");
        assert!(calm.contains("http-equiv=\"refresh\" content=\"10\"") && !calm.contains("<script"), "{calm}");
        let config = ConfigFacts { last_good: true, problems: vec!["hafir.ini:3: <x>".into()], ..Default::default() };
        let worried = status_page(&Status { config, clock_sure: false, panics: 2, ..status() });
        for part in ["Needs attention", "earlier good one", "hafir.ini:3: &lt;x&gt;", "clock", "a defect: 2"] {
            assert!(worried.contains(part), "{part} {worried}");
        }
    }

    #[test]
    fn spans_are_told_in_two_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_660, "1 h 1 min"),
            (86_400, "1 day 0 h"),
            (180_000, "2 days 2 h"),
        ] {
            assert_eq!(Span(seconds).to_string(), text);
        }
    }
}
