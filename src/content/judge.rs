//! A body that is judged while it comes in.

use std::sync::Arc;

use super::json::{Document, Reader};
use super::schema::Schema;
use super::unfit::{Bounds, Unfit};

/// Holds one body, as far as it came, and gives it back when it has passed. It is read as it comes, so what is no JSON, too
/// deep or too large is refused before the rest of it was sent. Costs the body and at most six times as much (one and a
/// half for records as people write them), all of which goes with the judge.
pub(crate) struct Judge {
    schema: Arc<Schema>,
    bounds: Bounds,
    body: Vec<u8>,
    reader: Reader,
}

impl Judge {
    pub(crate) fn new(schema: Arc<Schema>, bounds: Bounds) -> Judge {
        Judge { schema, bounds, body: Vec::new(), reader: Reader::new(bounds.depth) }
    }

    /// Takes the next piece. An error is final: whatever comes behind cannot make the body right.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Result<(), Unfit> {
        if piece.len() > self.bounds.size.saturating_sub(self.body.len()) {
            return Err(Unfit::TooLarge);
        }
        self.body.extend_from_slice(piece);
        Ok(self.reader.read(&self.body)?)
    }

    /// The whole body, which may be sent on.
    pub(crate) fn finish(self) -> Result<Vec<u8>, Unfit> {
        let nodes = self.reader.finish(&self.body)?;
        self.schema.ask(Document::new(&self.body, &nodes), self.bounds.steps)?;
        Ok(self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::Formats;
    use super::*;

    const BOUNDS: Bounds = Bounds { size: 100, depth: 4, steps: 10_000 };

    fn judge(schema: &str) -> Judge {
        let schema = Schema::compile(schema.as_bytes(), "file:///s", Formats::Standard, &mut |_| Err("is not".into()));
        Judge::new(Arc::new(schema.unwrap()), BOUNDS)
    }

    #[test]
    fn a_body_that_fits_comes_back_as_it_was() {
        let mut judge = judge(r#"{"type":"object","required":["a"]}"#);
        for piece in ["{\"a\"", ":\"\\u00", "e9\"}", "\n"] {
            judge.feed(piece.as_bytes()).unwrap();
        }
        assert_eq!(judge.finish().unwrap(), b"{\"a\":\"\\u00e9\"}\n");
    }

    #[test]
    fn what_cannot_become_right_is_refused_at_once() {
        assert_eq!(judge("true").feed(b"<html>"), Err(Unfit::NotJson(0)));
        assert_eq!(judge("true").feed(b"[[[[["), Err(Unfit::TooDeep));
        assert_eq!(judge("true").feed(&[b' '; 101]), Err(Unfit::TooLarge));
        assert_eq!(judge("true").feed(b"[{\"a\":1,\"a\":1}"), Err(Unfit::Duplicate(8)));
        assert_eq!(judge("true").finish(), Err(Unfit::NotJson(0)));
    }

    #[test]
    fn violations_come_at_the_end() {
        let mut judge = judge(r#"{"items":{"type":"string","maxLength":2}}"#);
        judge.feed(b"[1,\"abc\",\"ab\"]").unwrap();
        let unfit = judge.finish().unwrap_err();
        let told: Vec<_> = unfit.violations().iter().map(|one| (&*one.pointer, one.keyword, &*one.message)).collect();
        assert_eq!(told, [("/0", "type", "must be string"), ("/1", "maxLength", "must have at most 2 characters")]);
        assert_eq!(unfit.violations()[1].schema, "file:///s#/items/maxLength");
    }
}
