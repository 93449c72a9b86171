/// One requirement and the exchange that shows it.
#[derive(Debug)]
pub(super) struct Row {
    /// `file.txt:12`
    pub(super) place: String,
    pub(super) name: String,
    pub(super) section: String,
    pub(super) level: Level,
    pub(super) route: String,
    /// For want of what it fails today.
    pub(super) until: Option<String>,
    /// What is forgotten at a restart, so that it fails across one.
    pub(super) lost: Option<String>,
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Level {
    Must,
    Should,
    /// A specification allows it, and it spares the link.
    Optimal,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Step {
    pub(super) method: String,
    /// Below the row's path.
    pub(super) target: String,
    pub(super) fields: Vec<String>,
    pub(super) body: Option<String>,
    pub(super) replies: Vec<Reply>,
    pub(super) outcome: Outcome,
    pub(super) checks: Vec<Check>,
}

/// What the origin does about one request.
#[derive(Clone, Debug, Default)]
pub(super) struct Reply {
    pub(super) kind: Kind,
    /// With its reason.
    pub(super) status: String,
    pub(super) fields: Vec<String>,
    pub(super) body: Option<String>,
    pub(super) trailers: Vec<String>,
    pub(super) interim: Vec<Interim>,
    pub(super) framing: Framing,
    pub(super) undated: bool,
    /// After how many bytes of its body the connection ends.
    pub(super) cut: Option<usize>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Interim {
    pub(super) status: String,
    pub(super) fields: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Kind {
    #[default]
    Plain,
    /// A server of one representation.
    Serve,
    /// The connection ends.
    Down,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Framing {
    #[default]
    Length,
    Chunked,
    UntilClose,
}

/// How an answer is to come about. Numbers are steps, from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Outcome {
    #[default]
    Forwarded,
    Cached(usize),
    Validated(usize),
    Stale(usize),
    Background(usize),
    Partial(usize),
    Unasked,
    Failed,
    Anyhow,
}

#[derive(Clone, Debug)]
pub(super) enum Check {
    Status(u16),
    Body(String),
    Bytes(u64, u64),
    Parts(Vec<(u64, u64)>),
    Field(String, String),
    /// Of the request with this number, from 0.
    Upstream(usize, String, String),
    CacheStatus(String),
    Asked(usize),
    Brought(usize),
    Interim(u16),
    Trailer(String, String),
    /// So many clients at once, and what the cache tells all but the first.
    Together(usize, String),
}

impl Row {
    pub(super) fn is_about(&self, word: &str) -> bool {
        self.name.contains(word) || self.place.contains(word) || self.section.contains(word)
    }

    /// Whether its origin must be its own: one that fails is left alone for a while.
    pub(super) fn wants_own_origin(&self) -> bool {
        self.steps.iter().flat_map(|step| &step.replies).any(|reply| reply.kind == Kind::Down || reply.cut.is_some())
    }
}

impl Step {
    /// How many clients ask at once.
    pub(super) fn crowd(&self) -> usize {
        let crowds = self.checks.iter().map(|check| if let Check::Together(count, _) = check { *count } else { 1 });
        crowds.max().unwrap_or(1)
    }
}

impl Level {
    pub(super) fn word(self) -> &'static str {
        match self {
            Level::Must => "Must",
            Level::Should => "Should",
            Level::Optimal => "Optimal",
        }
    }
}

impl Outcome {
    /// The step whose answer this is.
    pub(super) fn from(self) -> Option<usize> {
        match self {
            Outcome::Cached(from)
            | Outcome::Validated(from)
            | Outcome::Stale(from)
            | Outcome::Background(from)
            | Outcome::Partial(from) => Some(from),
            Outcome::Forwarded | Outcome::Unasked | Outcome::Failed | Outcome::Anyhow => None,
        }
    }
}
