//! The film: one minute of the landscape, 20 MB, a real MP4 file that browsers play. Nothing of it is stored; any
//! part is made when it is asked for.
//!
//! Each picture is an H.264 frame whose macroblocks are not compressed at all (`I_PCM`, ITU-T H.264 §7.3.5), so all
//! frames have one size and one look at the offset tells which frame a byte belongs to.

use super::scene;

/// Frames in the film and in a second of it.
const FRAMES: u32 = 905;
const RATE: u32 = 15;
/// The picture, in macroblocks of 16 × 16 pixels.
const COLUMNS: usize = 10;
const ROWS: usize = 6;
const MACROBLOCK: usize = 16;

/// What stands before a frame's first macroblock: its length, the NAL unit header (an IDR picture, §7.4.1), then the
/// slice header (§7.3.3) and the first macroblock's type, filled up to a whole byte.
const FRAME_HEAD: usize = 4 + 1 + SLICE_HEAD[0].len();
/// The type of every later macroblock: ue(25), then zero bits up to the next byte.
const I_PCM: [u8; 2] = [0x0d, 0x00];
/// One macroblock: 256 samples of brightness, 64 each of blue and red difference (4:2:0).
const SAMPLES: usize = 384;
/// `rbsp_trailing_bits`: a one, then zeros.
const FRAME_END: u8 = 0x80;
const FRAME: usize = FRAME_HEAD + COLUMNS * ROWS * SAMPLES + (COLUMNS * ROWS - 1) * I_PCM.len() + 1;

/// Neighbouring IDR pictures must differ in `idr_pic_id` (§7.4.3): even and odd frames.
///
/// Bits: `first_mb_in_slice` ue(0), `slice_type` ue(7), `pic_parameter_set_id` ue(0), `frame_num` 0000,
/// `idr_pic_id` ue(0) or ue(1), two flags 0, `slice_qp_delta` se(0), `disable_deblocking_filter_idc` ue(1),
/// `mb_type` ue(25).
const SLICE_HEAD: [[u8; 4]; 2] =
    [[0b1000_1000, 0b1000_0100, 0b1010_0000, 0b1101_0000], [0b1000_1000, 0b1000_0010, 0b0010_1000, 0b0011_0100]];

/// Sequence parameters (§7.3.2.1): baseline profile, 160 × 96, pictures come in the order in which they are shown.
const SEQUENCE: [u8; 8] = [0x67, 66, 0xc0, 30, 0b1101_1010, 0b0000_1010, 0b0011_0110, 0b0100_0000];
/// Picture parameters (§7.3.2.2): CAVLC, deblocking may be switched off.
const PICTURE: [u8; 4] = [0x68, 0b1100_1110, 0b0011_1100, 0b1000_0000];

/// The film as a file.
pub(super) struct Film {
    /// Everything before the frames: what the file is, and where each frame lies.
    head: Vec<u8>,
}

impl Film {
    pub(super) fn new() -> Film {
        let movie_at = file_type().len() as u32;
        // The table of frames holds the place of the first one, which lies behind the table.
        let length = movie_at + movie(0).len() as u32 + 8;
        let mut head = file_type();
        head.extend(movie(length));
        head.extend((8 + FRAMES * FRAME as u32).to_be_bytes());
        head.extend(b"mdat");
        Film { head }
    }

    pub(super) fn len(&self) -> u64 {
        self.head.len() as u64 + u64::from(FRAMES) * FRAME as u64
    }

    /// The bytes from an offset to the end of the frame it lies in (or of the head). Empty behind the end.
    pub(super) fn part_at(&self, offset: u64) -> Vec<u8> {
        let Some(into_frames) = offset.checked_sub(self.head.len() as u64) else {
            return self.head.get(offset as usize..).unwrap_or_default().to_vec();
        };
        let (number, inside) = (into_frames / FRAME as u64, into_frames % FRAME as u64);
        match u32::try_from(number) {
            Ok(number) if number < FRAMES => frame(number).split_off(inside as usize),
            _ => Vec::new(),
        }
    }
}

/// One picture of the film.
fn frame(number: u32) -> Vec<u8> {
    let moment = (number * scene::END as u32 / FRAMES) as i32;
    let mut frame = Vec::with_capacity(FRAME);
    frame.extend((FRAME as u32 - 4).to_be_bytes());
    frame.push(0x65);
    frame.extend(SLICE_HEAD[number as usize % 2]);
    for row in 0..ROWS {
        for column in 0..COLUMNS {
            if (row, column) != (0, 0) {
                frame.extend(I_PCM);
            }
            macroblock(&mut frame, column, row, moment);
        }
    }
    frame.push(FRAME_END);
    frame
}

fn macroblock(frame: &mut Vec<u8>, column: usize, row: usize, moment: i32) {
    let (left, top) = (column * MACROBLOCK, row * MACROBLOCK);
    let pixel = |x: usize, y: usize| {
        let (x, y) = ((left + x) as i32, (top + y) as i32);
        let (wide, high) = ((COLUMNS * MACROBLOCK) as i32, (ROWS * MACROBLOCK) as i32);
        scene::colour(x * scene::WIDTH / wide, y * scene::HEIGHT / high, moment)
    };
    let (mut blue, mut red) = ([0; 64], [0; 64]);
    for y in 0..MACROBLOCK {
        for x in 0..MACROBLOCK {
            let (brightness, blueness, redness) = studio(pixel(x, y));
            frame.push(brightness);
            if x % 2 == 0 && y % 2 == 0 {
                let at = y / 2 * 8 + x / 2;
                (blue[at], red[at]) = (blueness, redness);
            }
        }
    }
    frame.extend(blue);
    frame.extend(red);
}

/// ITU-R BT.601 in its limited range: never 0, so that no sample can look like a start code (H.264 §7.4.1).
fn studio([red, green, blue]: scene::Colour) -> (u8, u8, u8) {
    let (r, g, b) = (i32::from(red), i32::from(green), i32::from(blue));
    let brightness = 16 + ((66 * r + 129 * g + 25 * b + 128) >> 8);
    let blueness = 128 + ((-38 * r - 74 * g + 112 * b + 128) >> 8);
    let redness = 128 + ((112 * r - 94 * g - 18 * b + 128) >> 8);
    (brightness as u8, blueness as u8, redness as u8)
}

fn file_type() -> Vec<u8> {
    boxed(b"ftyp", &[b"isom", &0x200u32.to_be_bytes(), b"isom", b"avc1", b"mp41"])
}

/// The `moov` box (ISO/IEC 14496-12): one track, its frames in one run that begins at `first_frame`.
fn movie(first_frame: u32) -> Vec<u8> {
    let movie_header = boxed(
        b"mvhd",
        &[&numbers(&[0, 0, 0, RATE, FRAMES, 0x1_0000, 0x100_0000, 0, 0]), &MATRIX, &[0; 24], &numbers(&[2])],
    );
    boxed(b"moov", &[&movie_header, &boxed(b"trak", &[&track_header(), &media(first_frame)])])
}

/// Neither turned nor stretched.
const MATRIX: [u8; 36] = {
    let mut matrix = [0; 36];
    (matrix[1], matrix[17], matrix[32]) = (1, 1, 0x40);
    matrix
};

fn track_header() -> Vec<u8> {
    let (wide, high) = ((COLUMNS * MACROBLOCK) as u32, (ROWS * MACROBLOCK) as u32);
    // Flags: the track is on, and part of the film.
    let times = numbers(&[3, 0, 0, 1, 0, FRAMES, 0, 0, 0, 0]);
    boxed(b"tkhd", &[&times, &MATRIX, &numbers(&[wide << 16, high << 16])])
}

fn media(first_frame: u32) -> Vec<u8> {
    let language = 0x55c4_0000; // "und", packed in five-bit letters
    let header = boxed(b"mdhd", &[&numbers(&[0, 0, 0, RATE, FRAMES, language])]);
    let handler = boxed(b"hdlr", &[&numbers(&[0, 0]), b"vide", &[0; 12], b"hafir\0"]);
    let reference = boxed(b"dref", &[&numbers(&[0, 1]), &boxed(b"url ", &[&numbers(&[1])])]);
    let view = boxed(b"vmhd", &[&numbers(&[1, 0, 0])]);
    let information = boxed(b"minf", &[&view, &boxed(b"dinf", &[&reference]), &table(first_frame)]);
    boxed(b"mdia", &[&header, &handler, &information])
}

/// Where the frames are: all of one size, all of one length in time, in one run; each can be begun at.
fn table(first_frame: u32) -> Vec<u8> {
    let description = boxed(b"stsd", &[&numbers(&[0, 1]), &codec()]);
    let times = boxed(b"stts", &[&numbers(&[0, 1, FRAMES, 1])]);
    let runs = boxed(b"stsc", &[&numbers(&[0, 1, 1, FRAMES, 1])]);
    let sizes = boxed(b"stsz", &[&numbers(&[0, FRAME as u32, FRAMES])]);
    let places = boxed(b"stco", &[&numbers(&[0, 1, first_frame])]);
    boxed(b"stbl", &[&description, &times, &runs, &sizes, &places])
}

/// The `avc1` entry (ISO/IEC 14496-15): the size of the picture and the decoder's parameters.
fn codec() -> Vec<u8> {
    let (wide, high) = ((COLUMNS * MACROBLOCK) as u16, (ROWS * MACROBLOCK) as u16);
    let configuration = boxed(
        b"avcC",
        &[
            &[1, 66, 0xc0, 30, 0xff, 0xe1],
            &(SEQUENCE.len() as u16).to_be_bytes(),
            &SEQUENCE,
            &[1],
            &(PICTURE.len() as u16).to_be_bytes(),
            &PICTURE,
        ],
    );
    let size = [wide.to_be_bytes(), high.to_be_bytes()].concat();
    let resolution = numbers(&[0x48_0000, 0x48_0000, 0]);
    let depth = [0x00, 0x18, 0xff, 0xff];
    boxed(
        b"avc1",
        &[&[0, 0, 0, 0, 0, 0, 0, 1], &[0; 16], &size, &resolution, &[0, 1], &[0; 32], &depth, &configuration],
    )
}

fn boxed(name: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut bytes = (content.len() as u32 + 8).to_be_bytes().to_vec();
    bytes.extend(name);
    bytes.extend(content);
    bytes
}

fn numbers(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boxes_fill_the_file() {
        let film = Film::new();
        assert_eq!(film.len(), 20_967_667);
        let (mut at, mut names) = (0, Vec::new());
        while at < film.head.len() {
            let length = u32::from_be_bytes(film.head[at..at + 4].try_into().unwrap());
            names.push(String::from_utf8_lossy(&film.head[at + 4..at + 8]).into_owned());
            at += length as usize;
        }
        assert_eq!(names, ["ftyp", "moov", "mdat"]);
        assert_eq!(at as u64, film.len());
    }

    #[test]
    fn frames_have_one_size_and_hold_no_start_code() {
        for number in [0, 1, 300, FRAMES - 1] {
            let frame = frame(number);
            assert_eq!(frame.len(), FRAME);
            let content = &frame[4..];
            assert!(content.windows(3).all(|three| three[..2] != [0, 0] || three[2] > 3), "frame {number}");
        }
    }

    #[test]
    fn any_part_is_the_same_as_in_the_whole() {
        let film = Film::new();
        let two_frames_in = film.head.len() as u64 + 2 * FRAME as u64;
        assert_eq!(film.part_at(two_frames_in - 7), frame(1)[FRAME - 7..]);
        assert_eq!(film.part_at(two_frames_in), frame(2));
        assert_eq!(film.part_at(3), film.head[3..]);
        assert_eq!(film.part_at(film.len() - 1), [FRAME_END]);
        assert!(film.part_at(film.len()).is_empty());
        assert!(film.part_at(u64::MAX).is_empty());
    }
}
