//! Sets of status codes.

use crate::config::RouteCacheConfig;

/// The lowest status that can be in a set.
const LEAST: u16 = 200;
/// 200–647, and so every final status that RFC 9110 §15 allows.
const WORDS: usize = 7;

/// A set of final status codes. Small and `Copy`: it travels with each request.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Statuses([u64; WORDS]);

impl Statuses {
    pub(super) const NONE: Statuses = Statuses([0; WORDS]);

    /// What a route's own freshness is for if it says nothing else: answers that have something to say. An error or a
    /// redirect of the hour, kept for a month because a route asks for that, would be a fault that lasts a month.
    const LASTING: [u16; 6] = [200, 203, 204, 300, 301, 308];

    /// Those of `cache.status`.
    pub(super) fn assigned_by(route: &RouteCacheConfig) -> Statuses {
        let listed: &[u16] = if route.statuses.is_empty() { &Statuses::LASTING } else { &route.statuses };
        let mut set = Statuses::default();
        listed.iter().for_each(|status| set.insert(*status));
        set
    }

    pub(super) fn contains(&self, status: u16) -> bool {
        place(status).is_some_and(|(word, bit)| self.0.get(word).is_some_and(|word| word & bit != 0))
    }

    fn insert(&mut self, status: u16) {
        if let Some((word, bit)) = place(status)
            && let Some(word) = self.0.get_mut(word)
        {
            *word |= bit;
        }
    }
}

fn place(status: u16) -> Option<(usize, u64)> {
    let number = status.checked_sub(LEAST)?;
    Some((usize::from(number / 64), 1 << (number % 64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        let route = |statuses: &[u16]| RouteCacheConfig { statuses: statuses.to_vec(), ..RouteCacheConfig::default() };
        let held = |statuses: &[u16]| -> Vec<u16> {
            let set = Statuses::assigned_by(&route(statuses));
            (0..=u16::MAX).filter(|status| set.contains(*status)).collect()
        };
        assert_eq!(held(&[]), Statuses::LASTING);
        assert_eq!(held(&[404, 200, 599, 404]), [200, 404, 599]);
        assert_eq!(held(&[100, 700]), [] as [u16; 0]);
    }
}
