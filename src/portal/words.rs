//! The words of the error pages, in every language the gateway speaks.

/// What went wrong, as far as the client is told.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Trouble {
    /// The gateway could not make sense of the request (400, 431, 505, …).
    BadRequest,
    /// Nothing here by that name (404).
    NotFound,
    /// Not for this client (403).
    NotAllowed,
    /// Not in this way: the method, or a condition that does not hold (405, 412, 501).
    WrongMethod,
    /// The request's address or body is too large (413, 414).
    TooLarge,
    /// The client was too slow in sending (408).
    ClientTooSlow,
    /// The upstream cannot be reached (502, 503): the link is down.
    Unreachable,
    /// The upstream did not answer in time (504).
    UpstreamTooSlow,
    /// The upstream answered in a way that cannot be passed on (502).
    BadAnswer,
    /// Too many connections or requests at this moment (503, 429).
    Busy,
    /// The request went in a circle (508).
    Loop,
    /// A defect of the gateway (500).
    Internal,
    /// The configuration of this place does not work (500, 503).
    Misconfigured,
}
