//! `hafir print FILE`: what is in force, as an INI file again.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use super::check;
use crate::config::{self, EffectiveEntry, EffectiveSection, Origin};

/// What stands in place of a secret. It is a legal value, so that the print can be checked like any file.
const MASK: &str = "***";

/// Prints what is in force as an INI file, secrets masked; a value that was read from a file is named by that file.
pub(crate) fn run(path: &Path, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    match config::load(path) {
        Err(problems) => check::refuse(path, &problems, err),
        Ok(loaded) => check::printed(print(&loaded.effective, out)),
    }
}

fn print(sections: &[EffectiveSection], out: &mut dyn Write) -> io::Result<()> {
    for (at, section) in sections.iter().enumerate() {
        let gap = if at == 0 { "" } else { "\n" };
        writeln!(out, "{gap}[{}]", section.title)?;
        let width = section.entries.iter().map(|entry| entry.key.len()).max().unwrap_or(0);
        section.entries.iter().try_for_each(|entry| line(entry, width, out))?;
    }
    Ok(())
}

fn line(entry: &EffectiveEntry, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let is_bare_secret = entry.secret && !matches!(entry.origin, Origin::File { .. });
    let value = if is_bare_secret { MASK } else { &entry.value };
    let mark = if entry.is_default { " ; default" } else { "" };
    writeln!(out, "{:width$} = {value}{mark}", entry.key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Outside;

    fn print_text(text: &str, base: &Path) -> String {
        let loaded = config::load_with("f.ini", text.as_bytes(), base, Outside::Disk).unwrap();
        let mut out = Vec::new();
        print(&loaded.effective, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    const SCHOOL: &str = "[gateway]\nname = “Kitgum ; Primary”\nstate = state\n\
        [route wiki]\npath = /wiki/, /w/\npath = *.mp4 ; films\nupstream = https://en.wikipedia.org\n\
        set.request.Authorization = Bearer hush\nheader.X-Api-Key = *\nquery.token = hush\nset.request.X-Empty = \"\"\n\
        [tls b]\ncertificate = cert.pem\nkey = \"key ; b.pem\"\n[route files]\nfiles = lessons\n";

    #[test]
    fn a_print_says_the_same_again() {
        let printed = print_text(SCHOOL, Path::new("/etc/hafir"));
        assert!(!printed.contains("hush"), "{printed}");
        let lines: Vec<String> =
            printed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        for line in [
            "set.request.Authorization = ***",
            "query.token = ***",
            "header.X-Api-Key = *",
            "path = *.mp4",
            "path = /wiki/, /w/",
            "drain = 30 s ; default",
            "state = /etc/hafir/state",
            "key = \"/etc/hafir/key ; b.pem\"",
            "files = /etc/hafir/lessons",
        ] {
            assert!(lines.iter().any(|printed| printed == line), "{line}\n{printed}");
        }
        let again = config::load_bytes("again.ini", printed.as_bytes(), Path::new("/elsewhere")).unwrap();
        let unsecret = SCHOOL.replace("Bearer hush", "***").replace("hush", "***");
        let once = config::load_bytes("f.ini", unsecret.as_bytes(), Path::new("/etc/hafir")).unwrap();
        let without_lines = |config: &config::Config| {
            let text = format!("{config:?}");
            text.split(", ").filter(|part| !part.starts_with("line: ")).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(without_lines(&again.config), without_lines(&once.config));
        assert_eq!(print_text(&printed, Path::new("/elsewhere")), printed);
    }

    #[test]
    fn a_value_from_a_file_is_named_by_the_file() {
        let folder = std::env::temp_dir().join(format!("hafir-print-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("token"), "Bearer hush\r\n").unwrap();
        let text = "[route a]\nupstream = http://a\nset.request.authorization = @token\n";
        let printed = print_text(text, &folder);
        let expected = format!("= @{}\n", folder.join("token").display());
        assert!(printed.contains(&expected) && !printed.contains("hush"), "{printed}");
        assert!(config::load_with("again", printed.as_bytes(), Path::new("/"), Outside::Disk).is_ok());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
