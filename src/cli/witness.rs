//! Whether this machine's clock is known to be right, where something on it says so.
//!
//! A board that is set to the last known time at its start has a clock that looks right and is not. Whatever sets the clock
//! there (`hafir board watch`) leaves a file as long as the time is known, and `HAFIR_CLOCK` names it: while it is absent, the
//! clock is doubted. Without `HAFIR_CLOCK` the clock is believed as soon as it is not behind the floor.

use std::path::PathBuf;

use crate::net::Clock;

#[derive(Debug)]
pub(super) struct Witness {
    sign: Option<PathBuf>,
}

impl Witness {
    pub(super) fn of_environment() -> Witness {
        let named = std::env::var_os("HAFIR_CLOCK").filter(|path| !path.is_empty());
        Witness { sign: named.map(PathBuf::from) }
    }

    /// Asks, and tells the clock.
    pub(super) fn look(&self, clock: &Clock) {
        if let Some(sign) = &self.sign {
            clock.doubt(!sign.exists());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Wall;

    #[test]
    fn the_clock_is_doubted_while_the_sign_is_absent() {
        let clock = Clock::start(Wall::default());
        Witness { sign: None }.look(&clock);
        assert!(clock.now().sure);
        let sign = std::env::temp_dir().join(format!("hafir-witness-{}", std::process::id()));
        let witness = Witness { sign: Some(sign.clone()) };
        witness.look(&clock);
        assert!(!clock.now().sure);
        std::fs::write(&sign, "").unwrap();
        witness.look(&clock);
        assert!(clock.now().sure);
        std::fs::remove_file(&sign).unwrap();
        witness.look(&clock);
        assert!(!clock.now().sure);
    }
}
