//! The site's pictures: photographs of the landscape as bitmap files, drawings as SVG.

use super::scene;

/// A photograph's size: 115,254 bytes as a 24-bit bitmap, what a phone's camera makes of a small picture.
const WIDTH: usize = 240;
const HEIGHT: usize = 160;
const FILE_HEADER: usize = 14;
const INFO_HEADER: usize = 40;

/// One moment of the landscape as a Windows bitmap: rows from bottom to top, blue before green before red, each row
/// a multiple of four bytes.
pub(super) fn photograph(moment: i32) -> Vec<u8> {
    let mut file = headers();
    for row in (0..HEIGHT).rev() {
        for column in 0..WIDTH {
            let (x, y) = (column as i32 * scene::WIDTH / WIDTH as i32, row as i32 * scene::HEIGHT / HEIGHT as i32);
            let [red, green, blue] = scene::colour(x, y, moment);
            file.extend([blue, green, red]);
        }
    }
    file
}

fn headers() -> Vec<u8> {
    let pixels = WIDTH * HEIGHT * 3;
    let offset = FILE_HEADER + INFO_HEADER;
    let mut file = Vec::with_capacity(offset + pixels);
    file.extend(b"BM");
    for number in [offset + pixels, 0, offset, INFO_HEADER, WIDTH, HEIGHT] {
        file.extend((number as u32).to_le_bytes());
    }
    file.extend(1u16.to_le_bytes()); // planes
    file.extend(24u16.to_le_bytes()); // bits of a pixel
    for number in [0, pixels as u32, 2835, 2835, 0, 0] {
        file.extend(number.to_le_bytes()); // no compression, 72 dots per inch, no palette
    }
    file
}

/// Millimetres of rain in each month at a place with two rainy seasons.
const RAIN: [(&str, u32); 12] = [
    ("Jan", 15),
    ("Feb", 30),
    ("Mar", 75),
    ("Apr", 150),
    ("May", 170),
    ("Jun", 110),
    ("Jul", 130),
    ("Aug", 165),
    ("Sep", 125),
    ("Oct", 120),
    ("Nov", 70),
    ("Dec", 25),
];

/// A bar for each month.
pub(super) fn rain_chart() -> String {
    let bars: String = RAIN.iter().enumerate().map(|(index, (month, rain))| bar(index as u32, month, *rain)).collect();
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 560 240' role='img' font-family='sans-serif' \
         font-size='14' text-anchor='middle'><title>Rain in each month, in millimetres</title>\
         <rect width='560' height='240' fill='#eef3f2'/>{bars}</svg>"
    )
}

fn bar(index: u32, month: &str, rain: u32) -> String {
    let (left, top) = (20 + index * 44, 205 - rain);
    format!(
        "<rect x='{left}' y='{top}' width='34' height='{rain}' rx='3' fill='#3f7fa6'/>\
         <text x='{middle}' y='{above}' fill='#34505e'>{rain}</text><text x='{middle}' y='226' fill='#34505e'>{month}</text>",
        middle = left + 17,
        above = top - 6,
    )
}

/// How water goes round.
pub(super) const WATER_CYCLE: &str = "\
<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 560 260' role='img' font-family='sans-serif' font-size='16'>\
<title>The way of water: up from the pond, along as cloud, down as rain</title>\
<defs><marker id='a' viewBox='0 0 10 10' refX='8' refY='5' markerWidth='7' markerHeight='7' orient='auto'>\
<path d='M0 0 10 5 0 10z' fill='#34505e'/></marker></defs>\
<rect width='560' height='260' fill='#dcebf2'/><path d='M0 200H560V260H0z' fill='#a8845c'/>\
<path d='M40 200H240Q140 262 40 200' fill='#3f7fa6'/>\
<g fill='#f6f8f8'><circle cx='400' cy='70' r='34'/><circle cx='440' cy='58' r='42'/><circle cx='482' cy='74' r='32'/></g>\
<g fill='none' stroke='#34505e' stroke-width='3' marker-end='url(#a)'><path d='M140 185Q130 90 190 60'/>\
<path d='M220 50Q290 20 350 50'/><path d='M440 115V190'/><path d='M420 215H250'/></g>\
<g fill='#34505e'><text x='20' y='120'>goes up</text><text x='240' y='80'>drifts</text>\
<text x='455' y='155'>rains</text><text x='300' y='240'>runs together</text></g></svg>";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photograph_is_a_whole_bitmap() {
        let file = photograph(500);
        assert_eq!(file.len(), 115_254);
        assert_eq!(file[2..6], 115_254u32.to_le_bytes());
        assert_ne!(photograph(100), photograph(900));
    }

    #[test]
    fn drawings_are_closed() {
        for drawing in [rain_chart().as_str(), WATER_CYCLE] {
            assert!(drawing.starts_with("<svg") && drawing.ends_with("</svg>"), "{drawing}");
        }
        assert_eq!(rain_chart().matches("<rect").count(), 13);
    }
}
