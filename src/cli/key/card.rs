//! A card to print: a key as a QR code and in letters, of the size of a bank card (ISO/IEC 7810 ID-1).

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};

use super::orders::Told;

/// Millimetres.
const WIDTH: f32 = 85.6;
const HEIGHT: f32 = 54.0;
const QR: f32 = 30.0;
/// Light modules around the code that readers need (ISO/IEC 18004 §9.1).
const QUIET: i32 = 4;
/// Letters in a group, and groups in a line.
const GROUP: usize = 4;
const LINE: usize = 5;

pub(super) fn svg(told: &Told, key: &str) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}mm\" height=\"{HEIGHT}mm\" viewBox=\"0 0 {WIDTH} \
         {HEIGHT}\">\n<rect x=\"0.2\" y=\"0.2\" width=\"85.2\" height=\"53.6\" rx=\"3\" fill=\"#fff\" \
         stroke=\"#888\" stroke-width=\"0.2\"/>\n"
    );
    svg.push_str(&code(key));
    let mut text = |x: f32, y: f32, size: f32, family: &str, content: &str| {
        let content = escaped(content);
        let _ = writeln!(
            svg,
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" font-family=\"{family}\" xml:space=\"preserve\">{content}</text>"
        );
    };
    let clipped: String = told.name.chars().take(26).collect();
    text(4.0, 8.0, 4.2, "sans-serif", &clipped);
    for (line, letters) in (0_u8..).zip(lines(key)) {
        text(4.0, 16.0 + 5.0 * f32::from(line), 3.2, "monospace", &letters);
    }
    let plan = told.plan.as_deref().map(|plan| format!("plan {plan}")).unwrap_or_default();
    let scopes: String = told.scopes.join(" ").chars().take(44).collect();
    let until = told.expires.as_deref().and_then(|stamp| stamp.get(..16));
    let until = until.map(|stamp| format!("until {} UTC", stamp.replace('T', " "))).unwrap_or_default();
    text(4.0, 41.0, 2.6, "sans-serif", &plan);
    text(4.0, 45.0, 2.6, "sans-serif", &scopes);
    text(4.0, 49.0, 2.6, "sans-serif", &until);
    text(58.0, 49.0, 2.6, "monospace", &told.id);
    svg.push_str("</svg>\n");
    svg
}

/// A key fits into the smallest dozen of forty sizes.
fn code(key: &str) -> String {
    let Ok(code) = QrCode::encode_text(key, QrCodeEcc::Medium) else { return String::new() };
    let size = code.size();
    let mut path = String::new();
    for (x, y) in (0..size).flat_map(|y| (0..size).map(move |x| (x, y))) {
        if code.get_module(x, y) {
            let _ = write!(path, "M{x} {y}h1v1h-1z");
        }
    }
    let view = size + 2 * QUIET;
    format!(
        "<svg x=\"53\" y=\"10\" width=\"{QR}\" height=\"{QR}\" viewBox=\"-{QUIET} -{QUIET} {view} {view}\" \
         shape-rendering=\"crispEdges\"><path d=\"{path}\"/></svg>\n"
    )
}

/// The key in groups that can be typed: hyphens within the secret mean nothing.
fn lines(key: &str) -> Vec<String> {
    let (head, secret) = key.rsplit_once('_').unwrap_or(("", key));
    let letters: Vec<char> = secret.chars().collect();
    let groups: Vec<String> = letters.chunks(GROUP).map(|group| group.iter().collect()).collect();
    let secret = groups.chunks(LINE).map(|line| line.join("-"));
    std::iter::once(format!("{head}_")).chain(secret).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "hafir_k7m2p9qd_0123456789abcdefghjkmnpqrstvwxyz0abcde";

    #[test]
    fn a_card_shows_the_key_in_groups_and_as_a_code() {
        let told = Told {
            id: "k7m2p9qd".to_owned(),
            state: "good".to_owned(),
            name: "Tablet <3> & more".to_owned(),
            plan: Some("clinic".to_owned()),
            scopes: vec!["records.read".to_owned()],
            created: String::new(),
            expires: Some("2027-02-01T00:00:00Z".to_owned()),
            revoked: None,
            old_secret_until: None,
            key: None,
        };
        let svg = svg(&told, KEY);
        for part in [
            "Tablet &lt;3&gt; &amp; more",
            "hafir_k7m2p9qd_<",
            "0123-4567-89ab-cdef-ghjk<",
            "until 2027-02-01 00:00 UTC",
            // 53 bytes at level M are of version 4: 33 modules, and 4 on each side.
            "viewBox=\"-4 -4 41 41\"",
        ] {
            assert!(svg.contains(part), "{part}");
        }
    }

    #[test]
    fn the_groups_are_the_key() {
        assert_eq!(lines(KEY).concat().replace('-', ""), KEY);
    }
}
