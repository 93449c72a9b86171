//! How much in an hour, a day, a month: requests and bytes of the uplink, counted by caller.
//!
//! A caller's use is counted for each plan and for each route that has quotas, by period and unit: a limit that was changed applies
//! to what was used already. Requests count when they come, bytes when they have come over the uplink; what the cache
//! answers costs no bytes, so who has used up the bytes still reads what is kept. A download that passes the
//! quota goes on to its end (the cache keeps what was paid for); the next one is refused.

mod allowances;
mod caller;
mod plans;
mod standing;

pub(crate) use allowances::{Allowances, Holder};
pub(crate) use caller::Caller;
pub(crate) use plans::{Plan, Plans};
pub(crate) use standing::{QuotaStanding, QuotaUsed};

use crate::base::{Now, Quota};

/// Everybody's counters; shared by all threads and kept over reloads.
pub(crate) struct Quotas;

/// Who is charged, and by which quotas.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QuotaCharge<'a> {
    pub(crate) caller: Caller<'a>,
    pub(crate) allowances: &'a Allowances,
}

/// The same, owned: whoever caused a fill pays for it, though it goes on without them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Payer;

/// A record for the ledger: a name, and its bytes; `None` takes it away.
pub(crate) type QuotaRecord = (String, Option<Vec<u8>>);

/// One counter, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Usage {
    /// `key/ID`, `address/IP`, …
    pub(crate) caller: String,
    /// `plan NAME` or `route NAME`.
    pub(crate) holder: String,
    /// The unit with the limit in force; zero where nothing limits it any more.
    pub(crate) quota: Quota,
    pub(crate) used: u64,
    /// Seconds until the period ends.
    pub(crate) resets: u64,
}

impl Quotas {
    /// `timezone`: minutes that local time is ahead of UTC.
    pub(crate) fn new(timezone: i16) -> Quotas {
        let _ = timezone;
        Quotas
    }

    /// What a new configuration says. Nothing that was counted is lost.
    pub(crate) fn reconfigure(&self, timezone: i16) {
        let _ = timezone;
    }

    /// Counts a request with all charges or with none. Bytes that are used up refuse nothing here: ask
    /// [`QuotaStanding::may_fetch`] before the upstream is asked.
    pub(crate) fn take(&self, charges: &[QuotaCharge<'_>], now: Now) -> Result<QuotaStanding, QuotaUsed> {
        let _ = (charges, now);
        Ok(QuotaStanding::default())
    }

    /// Takes a request back that came to nothing by no fault of its caller.
    pub(crate) fn give_back(&self, charges: &[QuotaCharge<'_>], now: Now) {
        let _ = (charges, now);
    }

    /// Counts bytes that came over the uplink.
    pub(crate) fn spend_bytes(&self, payer: &Payer, bytes: u64, now: Now) {
        let _ = (payer, bytes, now);
    }

    /// What is to be written down: at most every five seconds, at most [`MOST_RECORDS`]. Ask until nothing comes.
    pub(crate) fn dirty(&self, now: Now) -> Vec<QuotaRecord> {
        let _ = now;
        Vec::new()
    }

    /// These could not be written: they are given out again later.
    pub(crate) fn unwritten(&self, records: &[QuotaRecord]) {
        let _ = records;
    }

    /// Takes over what an earlier process wrote. Gives the number of records that were not understood.
    pub(crate) fn restore(&self, records: Vec<(String, Vec<u8>)>, now: Now) -> usize {
        let _ = (records, now);
        0
    }

    /// Everybody who has used something in a period that still goes on.
    pub(crate) fn usage(&self, now: Now) -> Vec<Usage> {
        let _ = now;
        Vec::new()
    }
}

impl Payer {
    /// Holds nothing, and costs nothing, where no charge counts bytes.
    pub(crate) fn of(charges: &[QuotaCharge<'_>]) -> Payer {
        let _ = charges;
        Payer
    }
}

/// Records of one batch: about 100 KB.
pub(crate) const MOST_RECORDS: usize = 1024;
