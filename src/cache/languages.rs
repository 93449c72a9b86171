//! Which of the answers kept for a key a reader understands best, while the origin cannot be asked for the right one.

use std::sync::Arc;

use super::hit::Hit;
use super::key::Key;
use super::object::Object;
use super::policy::{RequestRules, Since};
use super::root::{Cache, Inner};
use super::store::{Found, Opened, Store};
use crate::base::Now;
use crate::http::{Fields, accept};

impl Cache {
    /// An answer that differs from the wanted one at most in its language, in the one that the client likes best of
    /// those that are kept (RFC 4647 §3.4), or the newest where it likes none of them: better read in Swahili than not at
    /// all. For a miss whose upstream is out of reach; [`Hit::stale_allowed`] has still to allow it.
    pub(crate) async fn in_another_language(
        &self,
        key: &Key<'_>,
        request: Fields<'_>,
        rules: &RequestRules,
        now: Now,
    ) -> Option<Hit> {
        let inner = &self.inner;
        let store = inner.store()?;
        // What has just come may not be on the card yet.
        let mut objects = inner.hot.all(key);
        objects.retain(|object| {
            object.head.selection().is_some_and(|selection| selection.matches_but_for("accept-language", request))
        });
        if let Found::Variants(variants) = find(inner, &store, key.hash(), key).await {
            for location in variants.in_any_language(request) {
                if !objects.iter().any(|object| object.identity.location == location)
                    && let Found::Answer(opened) = find(inner, &store, location, key).await
                {
                    objects.extend(object(inner, *opened, key, rules, now).map(Arc::new));
                }
            }
        }
        let languages: Vec<String> = objects.iter().map(|object| language(object)).collect();
        let languages: Vec<&str> = languages.iter().map(String::as_str).collect();
        let best = accept::negotiate(request, &languages).unwrap_or(0);
        let chosen = (best < objects.len()).then(|| objects.swap_remove(best))?;
        Some(Hit::new(chosen, now))
    }
}

fn object(inner: &Arc<Inner>, opened: Opened, key: &Key<'_>, rules: &RequestRules, now: Now) -> Option<Object> {
    Object::new(opened, key.hash(), rules.assigned, Since::Opened(now.mono), Arc::downgrade(inner))
}

/// All that `Content-Language` says; nothing where it is silent.
fn language(object: &Object) -> String {
    let lines = object.head.fields().filter(|(name, _)| name.eq_ignore_ascii_case(b"content-language"));
    lines.map(|(_, value)| String::from_utf8_lossy(value)).collect::<Vec<_>>().join(",")
}

async fn find(inner: &Arc<Inner>, store: &Arc<Store>, location: u128, key: &Key<'_>) -> Found {
    let turn = inner.reads.acquire_arc().await;
    let (store, text) = (Arc::clone(store), key.text());
    smol::unblock(move || {
        let _turn = turn;
        store.find(location, &text)
    })
    .await
}
