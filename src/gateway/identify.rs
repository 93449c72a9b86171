//! Who it is: what a request shows, judged by the doorkeepers of `auth`.

use std::sync::Arc;

use crate::auth::Identity;

/// Somebody who is known and may use the route.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) identity: Arc<Identity>,
    /// In the configuration's list of plans.
    pub(crate) plan: Option<usize>,
}
