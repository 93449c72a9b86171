//! Whose time is believed.

use std::fmt;
use std::time::Duration;

use crate::base::Wall;

/// What there is to tell about the clock of a board.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClockState {
    /// Whether the time is known: servers agree with the clock, or a clock with a battery told it at the start.
    pub(crate) sure: bool,
    /// Since when it is, by the clock itself.
    pub(crate) since: Option<Wall>,
    /// By how much the clock is ahead of what the servers say. It is never set back while the board runs.
    pub(crate) ahead_of_servers: Option<Duration>,
    /// Who told the time last, and when.
    pub(crate) last_server: Option<(String, Wall)>,
    /// Why the time is not known, or why it is not kept.
    pub(crate) trouble: Option<Trouble>,
}

/// Why the clock is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The file says `time = off`.
    Off,
    /// No name of a time server leads to an address: mostly there is no link.
    NoNames,
    /// No time server answers.
    Silent,
    /// So large a step needs two servers that agree, and one answered.
    Alone,
    /// The servers do not agree.
    Torn,
    /// The system does not let us set the clock.
    NotSet(String),
    /// The time cannot be written down for the next start.
    NotSaved(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Off => f.write_str("no time server is asked, for the file says time = off"),
            Trouble::NoNames => f.write_str("no time server can be found; is there a link?"),
            Trouble::Silent => f.write_str("no time server answers"),
            Trouble::Alone => f.write_str(
                "one time server says that the clock is far behind; two that agree are needed to believe that",
            ),
            Trouble::Torn => f.write_str("the time servers do not agree"),
            Trouble::NotSet(cause) => write!(f, "the clock cannot be set: {cause}"),
            Trouble::NotSaved(cause) => write!(f, "the time cannot be written down for the next start: {cause}"),
        }
    }
}
