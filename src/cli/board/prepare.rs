//! `hafir board prepare`: from the person's file to what the programs beside the gateway are told.

use std::fs;
use std::io::{self, Write};

use super::person::{self, Person};
use super::words::Places;
use super::{durable, hidden};
use crate::board::{self, Setting};

/// Tells boards apart where the firmware numbers them.
const SERIAL_NUMBER: &str = "/proc/device-tree/serial-number";

/// Root's alone; whoever starts the programs is root.
const SECRET: u32 = 0o600;
const OPEN: u32 = 0o644;

/// Fails only where RUN cannot be written, never for what a person wrote.
pub(super) fn run(places: &Places, err: &mut dyn Write) -> io::Result<()> {
    fs::create_dir_all(&places.run)?;
    let mut person = person::read(places);
    hidden::stand_in(&places.data, &person.file);
    match hidden::hide(places, &person.file) {
        Ok(0) => {}
        Ok(count) => drop(writeln!(err, "{}: {count} moved out of sight", person.file.display())),
        Err(why) => drop(writeln!(err, "{}: secrets stay there: {why}", person.file.display())),
    }
    person = person::read(places);
    if let Err(cause) = person::remember(places, &person) {
        let _ = writeln!(err, "what holds now cannot be remembered: {cause}");
    }
    let problems: String = person.needs.iter().map(|need| format!("{need}\n")).collect();
    let _ = write!(err, "{problems}");
    durable::write(&places.run.join("problems"), problems.as_bytes(), OPEN)?;
    write_texts(places, &person)
}

fn write_texts(places: &Places, person: &Person) -> io::Result<()> {
    let serial = fs::read(SERIAL_NUMBER).unwrap_or_default();
    let setting = Setting {
        file: &person.file.to_string_lossy(),
        run: &places.run.to_string_lossy(),
        serial: &String::from_utf8_lossy(&serial),
    };
    for text in board::texts(&person.config, &setting) {
        let mode = if text.is_secret { SECRET } else { OPEN };
        durable::write(&places.run.join(text.name), text.text.as_bytes(), mode)?;
    }
    Ok(())
}
