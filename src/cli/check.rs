//! `hafir check FILE`: everything that is wrong with a configuration, and what may not be meant.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::{IpAddr, ToSocketAddrs};
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use super::EXIT_CONFIG;
use crate::config::{self, Config, DestinationConfig, Loaded, Problems};

/// How long the next answer of the resolver is waited for. Without a link it may take half a minute for each name.
const PATIENCE: Duration = Duration::from_secs(3);

/// Names that are looked up, each by its own thread.
const MOST_NAMES: usize = 64;

/// Prints every problem of a file to `err`, or notes and one calm line to `out`. Exit code 0 or 78.
pub(crate) fn run(path: &Path, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    match config::load(path) {
        Err(problems) => refuse(path, &problems, err),
        Ok(loaded) => {
            let nameless = without_address(names(&loaded.config), |name| (name, 0).to_socket_addrs().is_ok());
            printed(tell(path, &loaded, &nameless, out))
        }
    }
}

/// Prints the problems of a file that is not taken.
pub(super) fn refuse(path: &Path, problems: &Problems, err: &mut dyn Write) -> ExitCode {
    let count = problems.count();
    let noun = if count == 1 { "problem" } else { "problems" };
    // Where nothing can be written the exit code still tells.
    let _ = writeln!(err, "{problems}{}: {count} {noun}", path.display());
    ExitCode::from(EXIT_CONFIG)
}

/// A reader that went away (`hafir keys | head -1`) is no failure.
pub(super) fn printed(result: io::Result<()>) -> ExitCode {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Ok(()) | Err(_) => ExitCode::SUCCESS,
    }
}

fn tell(path: &Path, loaded: &Loaded, nameless: &BTreeSet<String>, out: &mut dyn Write) -> io::Result<()> {
    for note in &loaded.warnings {
        writeln!(out, "{note}")?;
    }
    for name in nameless {
        writeln!(out, "note: '{name}' has no address now; its routes are not available meanwhile")?;
    }
    let config = &loaded.config;
    let addresses: BTreeSet<_> =
        config.gateway.listen.iter().chain(config.tls.iter().flat_map(|tls| &tls.listen)).collect();
    let counts = [
        counted(config.routes.len(), "route", "routes"),
        counted(addresses.len(), "address", "addresses"),
        counted(config.tls.len(), "certificate", "certificates"),
        counted(loaded.warnings.len() + nameless.len(), "note", "notes"),
    ];
    writeln!(out, "{}: in order ({})", path.display(), counts.join(", "))
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The upstreams' names, addresses left out.
fn names(config: &Config) -> BTreeSet<String> {
    let urls = config.routes.iter().flat_map(|route| match &route.destination {
        DestinationConfig::Upstream(urls) => urls.as_slice(),
        DestinationConfig::Files(_) | DestinationConfig::Redirect { .. } | DestinationConfig::Respond { .. } => &[],
    });
    urls.map(|url| &url.host).filter(|host| host.parse::<IpAddr>().is_err()).take(MOST_NAMES).cloned().collect()
}

/// The names that the resolver does not know, or says nothing of in time.
fn without_address(mut names: BTreeSet<String>, is_known: fn(&str) -> bool) -> BTreeSet<String> {
    let (sender, answers) = mpsc::channel();
    for name in names.clone() {
        let sender = sender.clone();
        // The thread may outlast the question: its answer is then of no use to anybody.
        std::thread::spawn(move || {
            let known = is_known(&name);
            let _ = sender.send((name, known));
        });
    }
    drop(sender);
    let mut unknown = BTreeSet::new();
    while let Ok((name, known)) = answers.recv_timeout(PATIENCE) {
        names.remove(&name);
        if !known {
            unknown.insert(name);
        }
    }
    unknown.append(&mut names);
    unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Loaded {
        config::load_bytes("f.ini", text.as_bytes(), Path::new("/")).unwrap()
    }

    fn told(text: &str, nameless: &[&str]) -> String {
        let mut out = Vec::new();
        let nameless = nameless.iter().map(|name| (*name).to_owned()).collect();
        tell(Path::new("f.ini"), &load(text), &nameless, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_good_file_gets_one_calm_line() {
        let text = "[route a]\npath = /a/\nupstream = http://10.0.0.1\n";
        assert_eq!(told(text, &[]), "f.ini: in order (1 route, 2 addresses, 0 certificates, 0 notes)\n");
    }

    #[test]
    fn notes_stand_above_it() {
        let told = told("[metrics]\nlisten = 0.0.0.0:8079\n[route a]\nrespond = 204", &["kiwix"]);
        assert_eq!(
            told,
            "f.ini:2: [metrics] listen: note: whoever reaches 0.0.0.0:8079 sees /status and /metrics\n\
             note: 'kiwix' has no address now; its routes are not available meanwhile\n\
             f.ini: in order (1 route, 2 addresses, 0 certificates, 2 notes)\n"
        );
    }

    #[test]
    fn names_are_asked_for_once_and_addresses_never() {
        let config = load("[route a]\nupstream = http://b, http://10.0.0.1, https://b/x, http://[::1]\n").config;
        assert_eq!(names(&config), BTreeSet::from(["b".to_owned()]));
        let asked = BTreeSet::from(["known".to_owned(), "unknown".to_owned()]);
        assert_eq!(without_address(asked, |name| name == "known"), BTreeSet::from(["unknown".to_owned()]));
    }

    #[test]
    fn a_missing_file_is_a_problem() {
        let mut err = Vec::new();
        let path = Path::new("/nonexistent/hafir.ini");
        let code = run(path, &mut Vec::new(), &mut err);
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(EXIT_CONFIG)));
        assert!(
            String::from_utf8(err)
                .unwrap()
                .starts_with("hafir.ini: cannot be read: it is not there\n/nonexistent/hafir.ini: ")
        );
    }

    /// The rooms judge paths and edits again when they are built; nothing that passed here may fail there.
    #[test]
    fn what_passes_the_check_can_be_built() {
        use crate::{routing, transform};
        let example = include_str!("../../config.example.ini");
        let awake: Vec<&str> = example.lines().map(|line| line.strip_prefix(';').unwrap_or(line)).collect();
        let odd = "[route odd]\npath = /leçons/, '/a,b c', *.mp4, /a/*/b, exact /%7e%c3%a9, /{x}|\nupstream = http://[::1]:80/é\n\
            header.X-A = é\nquery.é = a b\nset.request.Proxy-Authorization = Basic é\nset.response.X-Empty = \"\"\n";
        for text in [awake.join("\n"), odd.to_owned()] {
            let config = load(&text).config;
            assert!(routing::Table::build(&config.routes).is_ok());
            for route in &config.routes {
                assert!(transform::Edits::build(&route.edit_request).is_ok(), "{}", route.name);
                assert!(transform::Edits::build(&route.edit_response).is_ok(), "{}", route.name);
            }
        }
    }
}
