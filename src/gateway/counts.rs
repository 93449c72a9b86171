//! Counters of quotas, from the ledger and to it.

use std::time::Duration;

use super::Process;
use crate::base::Now;
use crate::ledger::{Durability, Ledger, Table};
use crate::limits::quota::{QuotaRecord, Quotas};

/// Takes over what an earlier process counted. What was wrong with it, in a sentence.
pub(crate) fn restore(quotas: &Quotas, ledger: &Ledger, now: Now) -> Option<String> {
    let records = match ledger.all(Table::Usage) {
        Ok(records) => records,
        Err(cause) => return Some(format!("what was used of quotas cannot be read, and begins anew: {cause}")),
    };
    match quotas.restore(&records, now) {
        0 => None,
        1 => Some("one count of what was used of quotas is not understood; it begins anew".to_owned()),
        lost => Some(format!("{lost} counts of what was used of quotas are not understood; they begin anew")),
    }
}

/// Who writes counters down: the housekeeper, who may wait for the card.
#[derive(Debug, Default)]
pub(crate) struct Scribe {
    /// The card takes no writes; the log says so once.
    troubled: bool,
}

impl Scribe {
    /// Writes down what has changed, at most every five seconds. When to come back, where that is sooner than usual.
    pub(crate) fn keep(&mut self, process: &Process) -> Option<Duration> {
        loop {
            let now = process.clock.now();
            let records = process.quotas.dirty(now);
            if records.is_empty() || !self.write(process, &records) {
                return process.quotas.due(now);
            }
        }
    }

    /// The process ends: writes down all that has changed.
    pub(crate) fn finish(&mut self, process: &Process) {
        process.quotas.hurry();
        self.keep(process);
    }

    fn write(&mut self, process: &Process, records: &[QuotaRecord]) -> bool {
        let borrowed: Vec<_> = records.iter().map(|(name, bytes)| (name.as_str(), bytes.as_deref())).collect();
        let written = process.ledger.write(Table::Usage, &borrowed, Durability::Now);
        match &written {
            Ok(()) if self.troubled => log::info!("what is used of quotas is written down again"),
            Err(cause) if !self.troubled => {
                log::error!("what is used of quotas cannot be written down, a restart would forget it: {cause}");
            }
            Ok(()) | Err(_) => {}
        }
        self.troubled = written.is_err();
        if self.troubled {
            process.quotas.unwritten(records);
        }
        !self.troubled
    }
}
