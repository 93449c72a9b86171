//! What the clock does for fills: on a slow link a chunk may take longer than a power cut may cost, so what came of it is
//! entered at each tick.

use std::sync::Arc;
use std::time::Duration;

use super::close::Route;
use super::{Phase, Shared};
use crate::base::Mono;
use crate::cache::root::Inner;

/// So long an object that is partly there stays open while nobody is at it.
const LINGER: Duration = Duration::from_secs(10);

/// Brings to the card what came since the last tick, of everything that is found again after a power cut; the store
/// syncs and enters it after this. Blocks.
pub(in crate::cache) fn tick(inner: &Arc<Inner>, now: Mono) {
    for shared in inner.fills.kept() {
        if shared.has_lingered(now) {
            shared.put_away(inner);
        }
        for route in shared.routes() {
            // An error is found again by the lane's own writer, who knows what to do.
            if route.write_window().is_ok() {
                route.enter_rest_early();
            }
        }
    }
}

impl Shared {
    fn has_lingered(&self, now: Mono) -> bool {
        let mut state = self.state();
        let idle = state.is_idle();
        let since = state.idle_since.filter(|_| idle);
        state.idle_since = since.or(idle.then_some(now));
        since.is_some_and(|since| now.since(since) >= LINGER)
    }

    /// The lanes that write to the card.
    fn routes(self: &Arc<Shared>) -> Vec<Route> {
        let state = self.state();
        let Phase::Streaming(stream) = &state.phase else { return Vec::new() };
        if stream.broken || !stream.desk.lasting {
            return Vec::new();
        }
        let lanes = stream.lanes.iter().filter(|lane| !lane.ended);
        let route = |lane: &super::lane::Lane| Route {
            shared: Arc::clone(self),
            desk: Arc::clone(&stream.desk),
            quill: Arc::clone(&lane.quill),
            lane: lane.id,
            start: lane.start,
        };
        lanes.map(route).collect()
    }
}

impl Route {
    /// Enters the beginning of a chunk that is still being written.
    fn enter_rest_early(&self) {
        if let Some(pen) = self.quill.lock().as_ref()
            && let Some(run) = pen.run()
        {
            pen.draft().enter(run);
        }
    }
}
