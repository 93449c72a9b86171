//! Who pays for what comes, though they may have left.

use super::QuotaCharge;
use super::allowances::Allowances;
use super::book::MOST_CHARGES;
use super::caller::Who;

/// Whoever caused a fill pays for its bytes: the others who follow it read them from the cache. Holds nothing, and costs
/// nothing, where no quota counts bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Payer {
    debts: Vec<(Who, Allowances)>,
}

impl Payer {
    pub(crate) fn of(charges: &[QuotaCharge<'_>]) -> Payer {
        let counted = charges.iter().filter(|charge| charge.allowances.counts_bytes()).take(MOST_CHARGES);
        let debt = |charge: &QuotaCharge<'_>| (charge.caller.normal().to_owned(), charge.allowances.clone());
        Payer { debts: counted.map(debt).collect() }
    }

    pub(super) fn charges(&self) -> heapless::Vec<QuotaCharge<'_>, MOST_CHARGES> {
        self.debts.iter().map(|(who, allowances)| QuotaCharge { caller: who.caller(), allowances }).collect()
    }
}
