//! One landscape, drawn in code: a pond that is dry, is rained on and fills. The site's photographs are moments of
//! it, its film is the whole story.
//!
//! Integers only, so that every board draws the same bytes.

/// Red, green, blue.
pub(super) type Colour = [u8; 3];

/// Width and height of the landscape; a picture of any size looks at it through this window.
pub(super) const WIDTH: i32 = 1000;
pub(super) const HEIGHT: i32 = 600;
/// The story runs from 0 to here.
pub(super) const END: i32 = 1000;

/// The rain falls between these moments.
const RAIN: (i32, i32) = (250, 650);
/// Where the plain lies, and how far below it the pond was dug.
const GROUND: i32 = 360;
const DEPTH: i32 = 180;
/// Half of the pond's width.
const SHORE: i32 = 380;
const CENTRE: i32 = WIDTH / 2;

const DRY_EARTH: Colour = [176, 128, 84];
const WET_EARTH: Colour = [120, 84, 56];
const DRY_GRASS: Colour = [190, 168, 96];
const GREEN_GRASS: Colour = [104, 150, 72];
const SHALLOW: Colour = [112, 168, 196];
const DEEP: Colour = [44, 96, 140];
const SUN: Colour = [250, 226, 140];
const DROP: Colour = [214, 226, 236];

/// The colour of one point at one moment.
pub(super) fn colour(x: i32, y: i32, moment: i32) -> Colour {
    let ground = ground(x);
    if y >= ground {
        return earth(y - ground, moment);
    }
    let surface = surface(moment);
    if y >= surface && ground > GROUND {
        return water(x, y - surface, moment);
    }
    if raining(moment) && is_drop(x, y, moment) { DROP } else { sky(x, y, moment) }
}

/// The height of the ground below a point: a plain with a round pond in it.
fn ground(x: i32) -> i32 {
    let from_centre = (x - CENTRE).abs().min(SHORE);
    GROUND + DEPTH - DEPTH * from_centre * from_centre / (SHORE * SHORE)
}

/// Where the water stands: nothing before the rain, a full pond after it.
fn surface(moment: i32) -> i32 {
    let filled = (moment.clamp(RAIN.0, RAIN.1) - RAIN.0) * (DEPTH - 25) / (RAIN.1 - RAIN.0);
    GROUND + DEPTH - filled
}

fn raining(moment: i32) -> bool {
    (RAIN.0..RAIN.1).contains(&moment)
}

fn is_drop(x: i32, y: i32, moment: i32) -> bool {
    let column = x / 9;
    let fallen = y - moment * 23 - column * column * 37;
    x % 9 < 3 && fallen.rem_euclid(140) < 26
}

fn earth(below: i32, moment: i32) -> Colour {
    let wetness = (moment - RAIN.0).clamp(0, 200);
    if below < 14 {
        return blend(DRY_GRASS, GREEN_GRASS, (moment - RAIN.0).clamp(0, 500), 500);
    }
    let layer = blend(DRY_EARTH, WET_EARTH, wetness, 200);
    if (below / 34) % 2 == 0 { layer } else { blend(layer, [90, 66, 48], 1, 5) }
}

fn water(x: i32, below: i32, moment: i32) -> Colour {
    let ripple = triangle(x * 3 + moment * 5 + below * 7, 120) / 12;
    blend(SHALLOW, DEEP, (below + ripple).clamp(0, DEPTH), DEPTH)
}

fn sky(x: i32, y: i32, moment: i32) -> Colour {
    let clear = blend([92, 148, 196], [226, 234, 232], y.clamp(0, GROUND), GROUND);
    let cloudy = blend([120, 128, 136], [176, 182, 186], y.clamp(0, GROUND), GROUND);
    let cover = (moment - RAIN.0 + 60).clamp(0, 60).min((RAIN.1 + 60 - moment).clamp(0, 60));
    let (from_sun_x, from_sun_y) = (x - 100 - moment * 4 / 5, y - 110);
    let in_sun = from_sun_x * from_sun_x + from_sun_y * from_sun_y < 52 * 52;
    blend(if in_sun { SUN } else { clear }, cloudy, cover, 60)
}

/// `part` of `whole` on the way from one colour to another.
fn blend(from: Colour, to: Colour, part: i32, whole: i32) -> Colour {
    let mix = |a: u8, b: u8| (i32::from(a) + (i32::from(b) - i32::from(a)) * part / whole).clamp(0, 255) as u8;
    [mix(from[0], to[0]), mix(from[1], to[1]), mix(from[2], to[2])]
}

/// A wave between 0 and `period / 2` and back.
fn triangle(at: i32, period: i32) -> i32 {
    let phase = at.rem_euclid(period);
    phase.min(period - phase)
}
