//! What holds on this machine where a person's file says nothing: the card image listens on port 80, and keeps its state
//! on the data partition, whatever is left of the file.
//!
//! The same language, and only keys of sections that carry no name. It is made by whoever makes the image, so what is wrong
//! in it is passed over: the defaults of the table hold then.

use super::ini;
use super::outside::Outside;
use super::problem::Report;
use super::table::{self, Kind, Naming, Preset, Row};
use super::text;

/// Values in the place of those in the table.
#[derive(Default)]
pub(super) struct MachineDefaults(Vec<(&'static Row, String)>);

impl MachineDefaults {
    pub(super) fn of(outside: Outside) -> MachineDefaults {
        outside.defaults().map(|bytes| MachineDefaults::read(&bytes)).unwrap_or_default()
    }

    /// What holds of a key that is not given.
    pub(super) fn of_row<'a>(&'a self, row: &Row) -> Option<&'a str> {
        let is_same = |own: &Row| (own.kind, own.key) == (row.kind, row.key);
        let here = self.0.iter().find(|(own, _)| is_same(own)).map(|(_, value)| value.as_str());
        match (here, row.preset) {
            (Some(text), _) | (None, Preset::Is(text)) => Some(text),
            (None, Preset::Unset(_) | Preset::Needed) => None,
        }
    }

    fn read(bytes: &[u8]) -> MachineDefaults {
        let lines = text::lines(bytes).unwrap_or_default();
        let mut values = Vec::new();
        for section in ini::read(&lines, &mut Report::new("")) {
            let kind = Kind::find(&section.kind).filter(|kind| kind.naming() == Naming::Never);
            for (kind, entry) in
                kind.into_iter().flat_map(|kind| section.entries.iter().map(move |entry| (kind, entry)))
            {
                let row = table::find(kind, &entry.key).map(|(row, _)| row).filter(|row| row.takes_text(&entry.value));
                values.extend(row.map(|row| (row, row.bare(&entry.value).to_owned())));
            }
        }
        MachineDefaults(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_right_holds_and_the_rest_is_passed_over() {
        let text = "[gateway]\nlisten = 0.0.0.0:80, [::]:80\nmemory = much\nnonsense\n[route a]\npath = /\n[cache]\nsize = 1 GB\n";
        let defaults = MachineDefaults::read(text.as_bytes());
        let of = |kind, key| defaults.of_row(table::find(kind, key).unwrap().0).map(str::to_owned);
        assert_eq!(of(Kind::Gateway, "listen").as_deref(), Some("0.0.0.0:80, [::]:80"));
        assert_eq!(of(Kind::Cache, "size").as_deref(), Some("1 GB"));
        assert_eq!(
            (of(Kind::Gateway, "memory"), of(Kind::Route, "path"), of(Kind::Gateway, "name")),
            (Some("64 MB".into()), None, Some("Hafir".into()))
        );
    }
}
