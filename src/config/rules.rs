//! How values about access, limits and content read: rates, quotas, link rates, scopes, methods, shapes of values.

use std::path::PathBuf;
use std::time::Duration;

use super::access::*;
use super::draft::Draft;
use super::problem::Fault;
use super::{MAX_RATES, field, suggest, url, value};
use crate::base::{Allowance, LinkRate, Period, Quota, Rate, Size};

pub(super) const RATE: &str = "a rate, as 5/s burst 20 or 100/hour";
pub(super) const RATE_RULE: &str = "a rate, as 5/s burst 20, perhaps with 'per address' or 'for all'";
pub(super) const QUOTA: &str = "a quota for an hour, day or month, as 1000/day or 200 MB/month";
pub(super) const LINK_RATE: &str = "a link rate from 1 kbit/s to 100 Gbit/s, as 2 Mbit/s";
pub(super) const AUTH: &str = "key, jwt, basic or mtls";
pub(super) const CHECK: &str =
    "text 1..20, integer 0..100, number, boolean, date, uuid, one of A B C or any, perhaps with 'required' before it";

/// Whole milliseconds of the longest span of a rate.
const LONGEST_SPAN: Duration = Duration::from_secs(31 * 86_400);

/// `5/s`, `5/s burst 20`, `100/15 min`.
pub(super) fn rate(text: &str) -> Result<Rate, Fault> {
    let fault = || Fault::value(text, RATE);
    let (rate, burst) = match text.to_lowercase().split_once("burst") {
        Some((rate, burst)) => (rate.trim().to_owned(), Some(burst.trim().to_owned())),
        None => (text.trim().to_lowercase(), None),
    };
    let (amount, per) = rate.split_once('/').ok_or_else(fault)?;
    let amount = positive(amount).ok_or_else(fault)?;
    let per = per.trim();
    let span = if per.starts_with(|c: char| c.is_ascii_digit()) { per.to_owned() } else { format!("1 {per}") };
    let per = value::span(&span, Duration::from_secs(1), LONGEST_SPAN).map_err(|_| fault())?;
    let burst = match burst {
        Some(burst) => positive(&burst).ok_or_else(fault)?,
        None => amount,
    };
    Ok(Rate { amount, per, burst })
}

fn positive(text: &str) -> Option<u32> {
    text.trim().parse::<u32>().ok().filter(|number| (1..=1_000_000_000).contains(number))
}

pub(super) fn rate_rule(text: &str) -> Result<RateRule, Fault> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (each, words) = match words.as_slice() {
        [rest @ .., per, whose] if per.eq_ignore_ascii_case("per") && whose.eq_ignore_ascii_case("address") => {
            (Each::Address, rest)
        }
        [rest @ .., per, whose] if per.eq_ignore_ascii_case("per") && whose.eq_ignore_ascii_case("caller") => {
            (Each::Caller, rest)
        }
        [rest @ .., wide, all] if wide.eq_ignore_ascii_case("for") && all.eq_ignore_ascii_case("all") => {
            (Each::Route, rest)
        }
        rest => (Each::Caller, rest),
    };
    let rate = rate(&words.join(" ")).map_err(|_| Fault::value(text, RATE_RULE))?;
    Ok(RateRule { rate, each })
}

/// More rates than can be charged at once would hold in part only.
pub(super) fn push_rate<R>(list: &mut Vec<R>, rate: R) -> Result<(), Fault> {
    if list.len() >= MAX_RATES {
        return Err(Fault::refused(format!("more than {MAX_RATES} rates; take the tightest ones")));
    }
    list.push(rate);
    Ok(())
}

/// `1000/day` or `200 MB/month`.
pub(super) fn quota(text: &str) -> Result<Quota, Fault> {
    let fault = || Fault::value(text, QUOTA);
    let (amount, period) = text.rsplit_once('/').ok_or_else(fault)?;
    let period = match period.trim().to_lowercase().as_str() {
        "h" | "hour" => Period::Hour,
        "d" | "day" => Period::Day,
        "month" => Period::Month,
        other => {
            let meant = suggest::nearest(other, Period::ALL.map(Period::word));
            return Err(meant.map_or_else(fault, |meant| fault().meant(format!("{}/{meant}", amount.trim()))));
        }
    };
    let amount = amount.trim();
    let allowance = if amount.bytes().all(|byte| byte.is_ascii_digit()) {
        Allowance::Requests(amount.parse().ok().filter(|count| *count > 0).ok_or_else(fault)?)
    } else {
        Allowance::Bytes(value::size(amount, Size::kib(1), Size::mib(1 << 30)).map_err(|_| fault())?)
    };
    Ok(Quota { allowance, period })
}

/// `2 Mbit/s`. Decimal, as links are sold.
pub(super) fn link_rate(text: &str) -> Result<LinkRate, Fault> {
    let fault = || Fault::value(text, LINK_RATE);
    let lower = text.to_lowercase();
    let digits = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at_checked(digits).ok_or_else(fault)?;
    let scale: u64 = match unit.trim() {
        "bit/s" => 1,
        "kbit/s" => 1_000,
        "mbit/s" => 1_000_000,
        "gbit/s" => 1_000_000_000,
        "k" | "kb/s" | "kbps" | "kbit" => return Err(fault().meant(format!("{number} kbit/s"))),
        "m" | "mb/s" | "mbps" | "mbit" => return Err(fault().meant(format!("{number} Mbit/s"))),
        "g" | "gb/s" | "gbps" | "gbit" => return Err(fault().meant(format!("{number} Gbit/s"))),
        _ => return Err(fault()),
    };
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let decimals = format!("{decimals:0<3}");
    let thousandths = decimals.get(..3).and_then(|decimals| decimals.parse::<u64>().ok()).ok_or_else(fault)?;
    let whole = whole.parse::<u64>().map_err(|_| fault())?;
    let bits = whole.saturating_mul(scale).saturating_add(thousandths.saturating_mul(scale) / 1000);
    if !(1_000..=100_000_000_000).contains(&bits) {
        return Err(fault());
    }
    Ok(LinkRate::bits_per_second(bits))
}

/// `+03:00`, `-05:30`, `UTC`: minutes that local time is ahead of UTC.
pub(super) fn timezone(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    let fault = || Fault::value(text, "UTC or a difference to it, as +03:00");
    if text.eq_ignore_ascii_case("utc") {
        draft.gateway.timezone = 0;
        return Ok(());
    }
    let (sign, rest) = match text.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-" | "−", rest)) => (-1, rest),
        Some(_) | None => return Err(fault()),
    };
    let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "0"));
    let number = |text: &str, most: i16| text.parse::<i16>().ok().filter(|number| (0..=most).contains(number));
    let hours = number(hours, 14).ok_or_else(fault)?;
    let minutes = number(minutes, 59).ok_or_else(fault)?;
    draft.gateway.timezone = sign * (hours * 60 + minutes);
    Ok(())
}

pub(super) fn auth(list: &mut Vec<AuthMethod>, text: &str) -> Result<(), Fault> {
    let method = match text.to_lowercase().as_str() {
        "key" => AuthMethod::Key,
        "jwt" => AuthMethod::Jwt,
        "basic" => AuthMethod::Basic,
        "mtls" => AuthMethod::Mtls,
        other => {
            let meant = match other {
                "keys" | "api" | "apikey" | "api_key" => Some("key"),
                "oidc" | "oauth" | "oauth2" | "bearer" | "token" => Some("jwt"),
                "password" | "user" => Some("basic"),
                "tls" | "certificate" | "cert" => Some("mtls"),
                other => suggest::nearest(other, ["key", "jwt", "basic", "mtls"]),
            };
            let fault = Fault::value(text, AUTH);
            return Err(meant.map_or(fault.clone(), |meant| fault.meant(meant)));
        }
    };
    if !list.contains(&method) {
        list.push(method);
    }
    Ok(())
}

/// RFC 6749 §3.3.
pub(super) fn scope(text: &str) -> Result<String, Fault> {
    let legal = |byte: u8| byte == 0x21 || (0x23..=0x5b).contains(&byte) || (0x5d..=0x7e).contains(&byte);
    if !text.is_empty() && text.len() <= 128 && text.bytes().all(legal) {
        return Ok(text.to_owned());
    }
    Err(Fault::value(text, "a scope of letters, digits and marks, without blanks, as records.read"))
}

pub(super) fn route_scope(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    let scope = scope(text)?;
    match draft.route.auth.scopes.iter_mut().find(|rule| rule.method.is_none()) {
        Some(rule) => rule.scopes.push(scope),
        None => draft.route.auth.scopes.push(ScopeRule { method: None, scopes: vec![scope] }),
    }
    Ok(())
}

pub(super) fn method_scope(draft: &mut Draft, name: &str, text: &str) -> Result<(), Fault> {
    let method = Some(field::method(name)?);
    let words = text.split([',', ' ']).filter(|word| !word.is_empty());
    let scopes = words.map(scope).collect::<Result<Vec<String>, Fault>>()?;
    draft.route.auth.scopes.push(ScopeRule { method, scopes });
    Ok(())
}

pub(super) fn claim(draft: &mut Draft, name: &str, text: &str) -> Result<(), Fault> {
    words(name, "the name of a claim")?;
    for value in text.split(',') {
        draft.route.auth.claims.push((name.to_owned(), words(value.trim(), "the value of a claim")?));
    }
    Ok(())
}

pub(super) fn tell(draft: &mut Draft, name: &str, text: &str) -> Result<(), Fault> {
    field::editable(name, field::Side::Request)?;
    let tell = match (text.to_lowercase().as_str(), text.split_once('.')) {
        ("id", _) => Tell::Id,
        ("name", _) => Tell::Name,
        ("plan", _) => Tell::Plan,
        ("scope", _) => Tell::Scope,
        (_, Some((kind, claim))) if kind.eq_ignore_ascii_case("claim") && !claim.is_empty() => {
            Tell::Claim(claim.to_owned())
        }
        _ => return Err(Fault::value(text, "id, name, plan, scope or claim.NAME")),
    };
    draft.route.auth.tells.push((name.to_owned(), tell));
    Ok(())
}

pub(super) fn field_names(list: &mut Vec<String>, text: &str) -> Result<(), Fault> {
    field::token(text)?;
    let lower = text.to_ascii_lowercase();
    if !list.contains(&lower) {
        list.push(lower);
    }
    Ok(())
}

/// One line, not empty, of at most 256 bytes.
pub(super) fn words(text: &str, expected: &str) -> Result<String, Fault> {
    if text.is_empty() || text.len() > 256 || text.chars().any(char::is_control) {
        return Err(Fault::value(text, format!("{expected}, in one line of at most 256 bytes")));
    }
    Ok(text.to_owned())
}

/// `*.clinic.example`, a host name, an address, or a person's name.
pub(super) fn client_name(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    let name = words(text, "a name as it stands in the certificate, as *.clinic.example")?;
    draft.route.auth.client_names.push(name);
    Ok(())
}

pub(super) fn keys(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    let expected = "discovery or a URL; a file is told with 'keys.file'";
    if text.eq_ignore_ascii_case("discovery") {
        // A file that was told before stays.
        return Ok(());
    }
    if !text.contains("://") {
        return Err(Fault::value(text, expected));
    }
    draft.jwt.keys = KeySource::Url(url::upstream(text)?);
    Ok(())
}

pub(super) fn keys_file(draft: &mut Draft, path: PathBuf) {
    draft.jwt.keys = KeySource::File(path);
}

pub(super) fn issuer(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    draft.jwt.issuer = words(text, "the issuer as it stands in tokens, as https://id.example.org")?;
    Ok(())
}

pub(super) fn algorithm(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    const KNOWN: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
    let known = KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(text));
    match known {
        Some(known) => draft.jwt.algorithms.push(known.to_owned()),
        None if text.to_ascii_uppercase().starts_with("HS") || text.eq_ignore_ascii_case("none") => {
            return Err(Fault::refused(format!(
                "{text} proves nothing about who signed; take one of RS256, ES256, EdDSA"
            )));
        }
        None => return Err(Fault::value(text, KNOWN.join(", "))),
    }
    Ok(())
}

pub(super) fn token_type(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    let lower = text.to_ascii_lowercase();
    draft.jwt.types.push(words(lower.strip_prefix("application/").unwrap_or(&lower), "a token type, as at+jwt")?);
    Ok(())
}

pub(super) fn plan_of_claim(draft: &mut Draft, name: &str, text: &str) -> Result<(), Fault> {
    draft.jwt.plans.push((words(name, "a value of the claim")?, words(text, "the name of a [plan]")?));
    Ok(())
}

pub(super) fn media_type(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    let lower = text.to_ascii_lowercase();
    let parts = lower
        .split_once('/')
        .filter(|(kind, sub)| field::token(kind).is_ok() && *kind != "*" && (*sub == "*" || field::token(sub).is_ok()));
    if parts.is_none() {
        return Err(Fault::value(text, "a media type, as application/json or image/*"));
    }
    draft.route.content.types.push(lower);
    Ok(())
}

pub(super) fn only_method(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    draft.route.content.methods.push(field::method(text)?);
    Ok(())
}

pub(super) fn schema(draft: &mut Draft, name: &str, path: PathBuf) -> Result<(), Fault> {
    match name.to_ascii_lowercase().as_str() {
        "response" => draft.route.content.response_schema = Some(path),
        "any" => draft.route.content.schemas.push(("*".to_owned(), path)),
        _ => draft.route.content.schemas.push((field::method(name)?, path)),
    }
    Ok(())
}

pub(super) fn check_query(draft: &mut Draft, name: &str, text: &str) -> Result<(), Fault> {
    words(name, "the name of a query parameter")?;
    draft.route.content.query.push((name.to_owned(), value_rule(text)?));
    Ok(())
}

pub(super) fn check_header(draft: &mut Draft, name: &str, text: &str) -> Result<(), Fault> {
    field::token(name)?;
    draft.route.content.headers.push((name.to_ascii_lowercase(), value_rule(text)?));
    Ok(())
}

/// `required integer 1..100`, `one of small large`, `text ..20`.
fn value_rule(text: &str) -> Result<ValueRule, Fault> {
    let fault = || Fault::value(text, CHECK);
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let required = words.first().is_some_and(|word| word.eq_ignore_ascii_case("required"));
    if required {
        words.remove(0);
    }
    let lower: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    let shape = match lower.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] | ["any"] => ValueShape::Any,
        ["text"] => ValueShape::Text(0, usize::MAX),
        ["text", bounds] => {
            let (least, most) = bounds.split_once("..").ok_or_else(fault)?;
            let most = bound(most, usize::MAX).filter(|most| *most > 0).ok_or_else(fault)?;
            ValueShape::Text(bound(least, 0).filter(|least| *least <= most).ok_or_else(fault)?, most)
        }
        ["integer"] => ValueShape::Integer(i64::MIN, i64::MAX),
        ["integer", bounds] => {
            let (least, most) = bounds.split_once("..").ok_or_else(fault)?;
            let most = bound(most, i64::MAX).ok_or_else(fault)?;
            ValueShape::Integer(bound(least, i64::MIN).filter(|least| *least <= most).ok_or_else(fault)?, most)
        }
        ["number"] => ValueShape::Number,
        ["boolean"] => ValueShape::Bool,
        ["date"] => ValueShape::Date,
        ["uuid"] => ValueShape::Uuid,
        ["one", "of", _, ..] => ValueShape::OneOf(words.iter().skip(2).map(|word| (*word).to_owned()).collect()),
        _ => return Err(fault()),
    };
    Ok(ValueRule { required, shape })
}

/// One side of `1..20`; an empty one is `open`.
fn bound<N: std::str::FromStr>(text: &str, open: N) -> Option<N> {
    if text.is_empty() { Some(open) } else { text.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_people_write_them() {
        for (text, shown) in [
            ("5/s burst 20", "5/s burst 20"),
            ("5/s", "5/s"),
            ("5 / second", "5/s"),
            ("100/hour", "100/hour"),
            ("100/min Burst 10", "100/minute burst 10"),
            ("1/10 s", "1/10 s"),
            ("3/day", "3/day"),
        ] {
            assert_eq!(rate(text).unwrap().to_string(), shown, "{text}");
        }
        for text in ["", "5", "/s", "0/s", "5/s burst 0", "5/fortnight", "-1/s", "5/ms", "5/s burst", "1/2 years"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn no_rate_holds_in_part() {
        let mut rates = Vec::new();
        assert!((0..MAX_RATES).all(|_| push_rate(&mut rates, rate("1/s").unwrap()).is_ok()));
        assert!(push_rate(&mut rates, rate("1/s").unwrap()).is_err());
        assert_eq!(rates.len(), MAX_RATES);
    }

    #[test]
    fn a_rate_says_whose_it_is() {
        let each = |text: &str| rate_rule(text).map(|rule| rule.each);
        assert_eq!(each("5/s"), Ok(Each::Caller));
        assert_eq!(each("5/s burst 20 per address"), Ok(Each::Address));
        assert_eq!(each("5/s for all"), Ok(Each::Route));
        assert_eq!(each("5/s per Caller"), Ok(Each::Caller));
        assert!(each("5/s per planet").is_err());
    }

    #[test]
    fn quotas_count_requests_or_bytes() {
        let shown = |text: &str| quota(text).map(|quota| quota.to_string());
        assert_eq!(shown("1000/day").unwrap(), "1000/day");
        assert_eq!(shown("200 MB/month").unwrap(), "200 MB/month");
        assert_eq!(shown(" 2 GB / Day ").unwrap(), "2 GB/day");
        let said = shown("5/weeks").unwrap_err().to_string();
        assert!(said.contains("for an hour, day or month"), "{said}");
        assert!(shown("5/dya").unwrap_err().to_string().contains("did you mean '5/day'"));
        for text in ["", "5", "0/day", "MB/day", "5 apples/day"] {
            assert!(quota(text).is_err(), "{text}");
        }
    }

    #[test]
    fn link_rates_are_decimal() {
        let shown = |text: &str| link_rate(text).map(|rate| rate.to_string());
        assert_eq!(shown("2 Mbit/s").unwrap(), "2 Mbit/s");
        assert_eq!(shown("1.5 Mbit/s").unwrap(), "1500 kbit/s");
        assert_eq!(shown("256kbit/s").unwrap(), "256 kbit/s");
        assert!(shown("2 Mbps").unwrap_err().to_string().contains("did you mean '2 Mbit/s'"));
        for text in ["", "2", "Mbit/s", "1 bit/s", "2 MB", "1000 gbit/s", "1.x mbit/s"] {
            assert!(link_rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn time_zones_are_differences() {
        let minutes = |text: &str| {
            let mut draft = Draft::default();
            timezone(&mut draft, text).map(|()| draft.gateway.timezone)
        };
        assert_eq!(minutes("UTC"), Ok(0));
        assert_eq!(minutes("+03:00"), Ok(180));
        assert_eq!(minutes("-5:30"), Ok(-330));
        assert_eq!(minutes("+14"), Ok(840));
        for text in ["", "3", "+15:00", "+03:60", "Kampala"] {
            assert!(minutes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shapes_of_values_are_declared() {
        let shape = |text: &str| value_rule(text).map(|rule| (rule.required, rule.shape));
        assert_eq!(shape("required integer 1..100"), Ok((true, ValueShape::Integer(1, 100))));
        assert_eq!(shape("integer -5.."), Ok((false, ValueShape::Integer(-5, i64::MAX))));
        assert_eq!(shape("text ..20"), Ok((false, ValueShape::Text(0, 20))));
        assert_eq!(shape("one of Small large"), Ok((false, ValueShape::OneOf(vec!["Small".into(), "large".into()]))));
        assert_eq!(shape("required"), Ok((true, ValueShape::Any)));
        for text in ["int", "integer 5..1", "text 5", "one of", "text 0..0"] {
            assert!(value_rule(text).is_err(), "{text}");
        }
    }
}
