//! What the clock does for fills: on a slow link a chunk may take longer than a power cut may cost, so what came of it is
//! entered at each tick.

use std::sync::Arc;

use super::close::Route;
use super::{Phase, Shared};
use crate::cache::root::Inner;

/// Brings to the card what came since the last tick, of everything that can be gone on with after a power cut; the store
/// syncs and enters it after this. Blocks.
pub(in crate::cache) fn tick(inner: &Arc<Inner>) {
    for shared in inner.fills.kept() {
        for route in shared.routes() {
            // An error is found again by the lane's own writer, who knows what to do.
            if route.write_window().is_ok() {
                route.enter_rest_early();
            }
        }
    }
}

impl Shared {
    /// The lanes that write to the card.
    fn routes(self: &Arc<Shared>) -> Vec<Route> {
        let state = self.state();
        let Phase::Streaming(stream) = &state.phase else { return Vec::new() };
        if stream.broken || !stream.resumable {
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
