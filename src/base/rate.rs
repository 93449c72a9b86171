//! How many in how long.

use std::fmt;
use std::time::Duration;

use super::Size;

/// So many requests in each span, and at most `burst` of them at once: a token bucket's refill and depth.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Rate {
    /// At least 1.
    pub(crate) amount: u32,
    /// At least a second.
    pub(crate) per: Duration,
    /// At least 1.
    pub(crate) burst: u32,
}

/// What may be used up in a calendar period.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Quota {
    pub(crate) allowance: Allowance,
    pub(crate) period: Period,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Allowance {
    Requests(u64),
    /// Bytes that come over the uplink. What the cache answers is free.
    Bytes(Size),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Period {
    Hour,
    Day,
    Month,
}

impl Period {
    pub(crate) const ALL: [Period; 3] = [Period::Hour, Period::Day, Period::Month];

    /// As people write it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Period::Hour => "hour",
            Period::Day => "day",
            Period::Month => "month",
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.per.as_secs() {
            1 => write!(f, "{}/s", self.amount)?,
            60 => write!(f, "{}/minute", self.amount)?,
            3600 => write!(f, "{}/hour", self.amount)?,
            86_400 => write!(f, "{}/day", self.amount)?,
            seconds => write!(f, "{}/{seconds} s", self.amount)?,
        }
        if self.burst == self.amount { Ok(()) } else { write!(f, " burst {}", self.burst) }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.allowance {
            Allowance::Requests(count) => write!(f, "{count}/{}", self.period.word()),
            Allowance::Bytes(size) => write!(f, "{size}/{}", self.period.word()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_shown_as_they_are_written() {
        let rate = |amount, seconds, burst| Rate { amount, per: Duration::from_secs(seconds), burst }.to_string();
        assert_eq!(rate(5, 1, 20), "5/s burst 20");
        assert_eq!(rate(5, 1, 5), "5/s");
        assert_eq!(rate(100, 3600, 10), "100/hour burst 10");
        assert_eq!(rate(1, 10, 1), "1/10 s");
        let quota = |allowance, period| Quota { allowance, period }.to_string();
        assert_eq!(quota(Allowance::Requests(1000), Period::Day), "1000/day");
        assert_eq!(quota(Allowance::Bytes(Size::mib(200)), Period::Month), "200 MB/month");
    }
}
