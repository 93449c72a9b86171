//! How much in an hour, a day, a month: requests and bytes of the uplink, counted by caller.
//!
//! A caller's use is counted for each plan and each route that has quotas, by period and unit: a limit that was changed applies to
//! what was used already. Requests count when they come, bytes when they have come over the uplink. What the
//! cache answers is given back by the gateway, or never charged, so who has used it up still reads what is kept. A download that passes the
//! quota goes on to its end (the cache keeps what was paid for); the next one is refused.
//!
//! Periods are those of local time, see [`almanac`] for what is done about wrong clocks. Counters are written down every
//! five seconds, see [`record`]; a power cut loses what was counted since. A record that is damaged begins anew: that gives one
//! caller at most one allowance more, and shuts nobody out.
//!
//! The table holds [`MOST_CALLERS`], 200 to 300 bytes each (`tests` measure it). When it is full, those go who have used
//! nothing in any period that still goes on. Where all have, newcomers share counters, 16 for those who are known and 16
//! for addresses: nobody's use is forgotten for a flood of others, and no flood has an allowance for each of its
//! addresses.

mod allowances;
mod almanac;
mod book;
mod calendar;
mod caller;
mod counter;
mod payer;
mod plans;
mod record;
mod standing;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) use allowances::{Allowances, Holder, Measure, Unit, amount};
pub(crate) use caller::Caller;
pub(crate) use payer::Payer;
pub(crate) use plans::{Plan, Plans};
pub(crate) use standing::{QuotaStanding, QuotaUsed};

use book::Book;
use calendar::Zone;

use crate::base::{Now, Period};

/// Callers of plans and routes that are counted alone: a school with a thousand tablets and ten routes.
pub(crate) const MOST_CALLERS: usize = 10_000;
/// Records of one batch: about 100 KB.
pub(crate) const MOST_RECORDS: usize = 1024;

/// Everybody's counters; shared by all threads and kept over reloads.
pub(crate) struct Quotas {
    /// Held for some look-ups; while the clock is stepped back, for a walk over all.
    book: Mutex<Book>,
}

/// Who is charged, and by which quotas.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QuotaCharge<'a> {
    pub(crate) caller: Caller<'a>,
    pub(crate) allowances: &'a Allowances,
}

/// A record for the ledger: a name, and its bytes; `None` takes it away.
pub(crate) type QuotaRecord = (String, Option<Vec<u8>>);

/// One counter, for people.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Usage {
    pub(crate) holder: Holder,
    /// Of the plan or route.
    pub(crate) name: String,
    /// `key/ID`, `address/IP`, …
    pub(crate) caller: String,
    pub(crate) period: Period,
    pub(crate) unit: Unit,
    pub(crate) used: u64,
    /// Seconds until the period ends.
    pub(crate) resets: u64,
}

impl Quotas {
    /// `timezone`: minutes that local time is ahead of UTC.
    pub(crate) fn new(timezone: i16) -> Quotas {
        Quotas::with_room_for(MOST_CALLERS, timezone)
    }

    fn with_room_for(callers: usize, timezone: i16) -> Quotas {
        Quotas { book: Mutex::new(Book::new(Zone::ahead_by(timezone), callers)) }
    }

    /// What a new configuration says. Nothing that was counted is lost.
    pub(crate) fn reconfigure(&self, timezone: i16) {
        self.book().set_zone(Zone::ahead_by(timezone));
    }

    /// Counts a request with all charges or with none. Bytes that are used up refuse nothing here: ask
    /// [`QuotaStanding::may_fetch`] before the upstream is asked.
    pub(crate) fn take(&self, charges: &[QuotaCharge<'_>], now: Now) -> Result<QuotaStanding, QuotaUsed> {
        if charges.iter().all(|charge| charge.allowances.is_empty()) {
            return Ok(QuotaStanding::default());
        }
        self.book().take(charges, now)
    }

    /// Takes a request back that came to nothing by no fault of its caller.
    pub(crate) fn give_back(&self, charges: &[QuotaCharge<'_>], now: Now) {
        self.book().give_back(charges, now);
    }

    /// Counts bytes that came over the uplink.
    pub(crate) fn spend_bytes(&self, charges: &[QuotaCharge<'_>], bytes: u64, now: Now) {
        if charges.iter().any(|charge| charge.allowances.counts_bytes()) {
            self.book().spend(charges, bytes, now);
        }
    }

    /// The same, for a fill that goes on without whoever caused it.
    pub(crate) fn spend_by(&self, payer: &Payer, bytes: u64, now: Now) {
        self.spend_bytes(&payer.charges(), bytes, now);
    }

    /// What is to be written down, in this order: at most every five seconds, at most [`MOST_RECORDS`] and the time; ask
    /// until nothing comes.
    pub(crate) fn dirty(&self, now: Now) -> Vec<QuotaRecord> {
        self.book().dirty(now)
    }

    /// When [`Quotas::dirty`] has something; `None` where nothing has changed.
    pub(crate) fn due(&self, now: Now) -> Option<Duration> {
        self.book().due(now)
    }

    /// What has changed is given out at once, without regard to the card: the process ends.
    pub(crate) fn hurry(&self) {
        self.book().hurry();
    }

    /// These could not be written: they are given out again.
    pub(crate) fn unwritten(&self, records: &[QuotaRecord]) {
        self.book().unwritten(records);
    }

    /// Takes over what an earlier process wrote, before anything is counted. Gives the number of records that were not
    /// understood, or found no place.
    pub(crate) fn restore(&self, records: &[(String, Vec<u8>)], now: Now) -> usize {
        self.book().restore(records, now)
    }

    /// Everybody who has used something in a period that still goes on, by plans and routes.
    pub(crate) fn usage(&self, now: Now) -> Vec<Usage> {
        self.book().usage(now)
    }

    /// Whoever panicked has changed one counter or none.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
