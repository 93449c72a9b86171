//! From text to rows. What cannot be read is said with its place, all of it at once.

use super::row::{Check, Framing, Interim, Kind, Level, Outcome, Reply, Row, Step};
use super::stage::ROUTES;

/// Why a line cannot be read.
type Problem = String;

pub(super) fn rows(file: &str, text: &str) -> Result<Vec<Row>, Vec<String>> {
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    for paragraph in paragraphs(text) {
        for lines in copies(&paragraph) {
            match row(file, &lines) {
                Ok(row) => rows.push(row),
                Err(problem) => problems.push(problem),
            }
        }
    }
    if problems.is_empty() { Ok(rows) } else { Err(problems) }
}

/// A line with its number.
type Line = (usize, String);

/// What stands between empty lines, without comments.
fn paragraphs(text: &str) -> Vec<Vec<Line>> {
    let mut paragraphs = vec![Vec::new()];
    for (number, line) in text.lines().enumerate() {
        match line.trim_end() {
            "" => paragraphs.push(Vec::new()),
            line if line.starts_with('#') => {}
            line => paragraphs.last_mut().expect("one at least").push((number + 1, line.to_owned())),
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}

/// The paragraph itself; or, where one of its lines begins with `*`, one for each word of that line.
fn copies(paragraph: &[Line]) -> Vec<Vec<Line>> {
    let Some(words) = paragraph.iter().find_map(|(_, line)| line.strip_prefix("* ")) else {
        return vec![paragraph.to_vec()];
    };
    let copy = |word: &str| {
        let lines = paragraph.iter().filter(|(_, line)| !line.starts_with("* "));
        lines.map(|(number, line)| (*number, line.replace("{*}", word))).collect()
    };
    words.split(" | ").map(copy).collect()
}

fn row(file: &str, lines: &[Line]) -> Result<Row, Problem> {
    let place = |number: usize| format!("{file}:{number}");
    let [(first, name), rest @ ..] = lines else { return Err(format!("{file}: nothing")) };
    if name.starts_with([':', '>', '<', '=', '*']) {
        return Err(format!("{}: a row begins with its name: {name:?}", place(*first)));
    }
    let mut reader = Reader::new(name, &place(*first));
    for (number, line) in rest {
        reader.line(line).map_err(|problem| format!("{}: {problem}: {line:?}", place(*number)))?;
    }
    reader.end().map_err(|problem| format!("{}: {problem}", place(*first)))
}

/// A row in the making.
struct Reader {
    row: Row,
    tagged: bool,
    interim: Vec<Interim>,
    last: Last,
}

/// What a field line belongs to.
#[derive(Clone, Copy)]
enum Last {
    Interim,
    Reply,
}

impl Reader {
    fn new(name: &str, place: &str) -> Reader {
        let row = Row {
            place: place.to_owned(),
            name: name.trim().to_owned(),
            section: String::new(),
            level: Level::Must,
            route: ROUTES[0].0.to_owned(),
            until: None,
            lost: None,
            steps: Vec::new(),
        };
        Reader { row, tagged: false, interim: Vec::new(), last: Last::Reply }
    }

    fn end(self) -> Result<Row, Problem> {
        match self.row {
            _ if !self.tagged => Err("the row has no line with its section".to_owned()),
            row if row.steps.is_empty() => Err("the row asks nothing".to_owned()),
            _ if !self.interim.is_empty() => Err("an interim answer with no final one behind it".to_owned()),
            row => Ok(row),
        }
    }

    fn line(&mut self, line: &str) -> Result<(), Problem> {
        let (sigil, rest) = line.split_once(' ').unwrap_or((line, ""));
        match sigil {
            ":" => self.tags(rest),
            _ if !self.tagged => Err("the line after the name says the section".to_owned()),
            ">" => self.request(rest),
            ">>" => self.step().map(|step| step.body = Some(rest.to_owned())),
            "<" => self.reply(rest),
            "<<" => self.last_reply().map(|reply| reply.body = Some(rest.to_owned())),
            "=" => self.expectation(rest),
            _ => Err("a line begins with ':', '>', '>>', '<', '<<' or '=' and a blank".to_owned()),
        }
    }

    fn tags(&mut self, text: &str) -> Result<(), Problem> {
        let mut tags = text.split(',').map(str::trim);
        let section = tags.next().unwrap_or_default();
        section.contains('§').then_some(()).ok_or("no section, as '9111 §4.2'")?;
        self.row.section = section.to_owned();
        self.row.level = match tags.next() {
            Some("Must") => Level::Must,
            Some("Should") => Level::Should,
            Some("Optimal") => Level::Optimal,
            _ => return Err("the section is followed by Must, Should or Optimal".to_owned()),
        };
        for tag in tags {
            match tag.split_once(' ') {
                Some(("until", word)) => self.row.until = Some(word.to_owned()),
                Some(("lost", word)) => self.row.lost = Some(word.to_owned()),
                Some(("route", name)) if ROUTES.iter().any(|(known, _)| *known == name) => {
                    name.clone_into(&mut self.row.route);
                }
                Some(("route", _)) => return Err("no such route".to_owned()),
                _ => return Err(format!("unknown tag {tag:?}")),
            }
        }
        self.tagged = true;
        Ok(())
    }

    fn request(&mut self, text: &str) -> Result<(), Problem> {
        if is_field(text) {
            return self.step().map(|step| step.fields.push(text.to_owned()));
        }
        let (method, target) = text.split_once(' ').unwrap_or((text, ""));
        let sound = !method.is_empty() && (target.is_empty() || target.starts_with(['/', '?']));
        sound.then_some(()).ok_or("a request is METHOD, and a target that begins with / or ?")?;
        let (method, target) = (method.to_owned(), target.to_owned());
        self.row.steps.push(Step { method, target, ..Step::default() });
        Ok(())
    }

    fn reply(&mut self, text: &str) -> Result<(), Problem> {
        if let Some(trailer) = text.strip_prefix("trailer ") {
            return self.last_reply().map(|reply| reply.trailers.push(trailer.to_owned()));
        }
        if is_field(text) {
            return match (self.last, self.interim.last_mut()) {
                (Last::Interim, Some(interim)) => {
                    interim.fields.push(text.to_owned());
                    Ok(())
                }
                _ => self.last_reply().map(|reply| reply.fields.push(text.to_owned())),
            };
        }
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        match (word, rest) {
            ("down", "") => self.begin(Reply { kind: Kind::Down, ..Reply::default() }),
            ("serve", "") => self.begin(Reply { kind: Kind::Serve, ..Reply::default() }),
            ("same", "") => {
                let former = self.row.steps.iter().rev().skip(1).find_map(|step| step.replies.last().cloned());
                let former = former.ok_or("no step before has an answer")?;
                self.begin(former)
            }
            ("chunked", "") => self.last_reply().map(|reply| reply.framing = Framing::Chunked),
            ("until", "close") => self.last_reply().map(|reply| reply.framing = Framing::UntilClose),
            ("no", "date") => self.last_reply().map(|reply| reply.undated = true),
            ("cut", count) => {
                let count = count.parse().map_err(|_| "cut after how many bytes?")?;
                self.last_reply().map(|reply| reply.cut = Some(count))
            }
            _ => self.status(text),
        }
    }

    fn status(&mut self, text: &str) -> Result<(), Problem> {
        let (code, reason) = text.split_once(' ').unwrap_or((text, "Said"));
        let number: u16 = code.parse().map_err(|_| "neither a field, nor a status, nor a known word")?;
        let status = format!("{number} {reason}");
        if number < 200 {
            self.step()?;
            self.interim.push(Interim { status, fields: Vec::new() });
            self.last = Last::Interim;
            return Ok(());
        }
        self.begin(Reply { status, ..Reply::default() })
    }

    fn begin(&mut self, mut reply: Reply) -> Result<(), Problem> {
        reply.interim = std::mem::take(&mut self.interim);
        self.last = Last::Reply;
        self.step().map(|step| step.replies.push(reply))
    }

    fn step(&mut self) -> Result<&mut Step, Problem> {
        self.row.steps.last_mut().ok_or_else(|| "no request before it".to_owned())
    }

    fn last_reply(&mut self) -> Result<&mut Reply, Problem> {
        self.step()?.replies.last_mut().ok_or_else(|| "no status before it".to_owned())
    }

    fn expectation(&mut self, text: &str) -> Result<(), Problem> {
        let before = self.row.steps.len().saturating_sub(1);
        if let Some(outcome) = outcome(text, before)? {
            return self.step().map(|step| step.outcome = outcome);
        }
        let check = check(text)?;
        self.step().map(|step| step.checks.push(check))
    }
}

/// `before`: how many steps stand before.
fn outcome(text: &str, before: usize) -> Result<Option<Outcome>, Problem> {
    let (word, from) = match text.split_once(" from ") {
        Some((word, step)) => (word, step.parse::<usize>().map_err(|_| "from which step?")?),
        None => (text, 1),
    };
    let from = from.checked_sub(1).ok_or("steps are counted from 1")?;
    let outcome = match word {
        "forwarded" => Outcome::Forwarded,
        "cached" => Outcome::Cached(from),
        "validated" => Outcome::Validated(from),
        "stale" => Outcome::Stale(from),
        "background" => Outcome::Background(from),
        "partial" => Outcome::Partial(from),
        "unasked" => Outcome::Unasked,
        "failed" => Outcome::Failed,
        "anyhow" => Outcome::Anyhow,
        _ => return Ok(None),
    };
    match outcome.from() {
        Some(from) if from >= before => Err("that step is not before this one".to_owned()),
        Some(_) | None => Ok(Some(outcome)),
    }
}

fn check(text: &str) -> Result<Check, Problem> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let number = || rest.parse().map_err(|_| format!("{word} is followed by a number"));
    Ok(match word {
        "status" => Check::Status(rest.parse().map_err(|_| "no status")?),
        "body" => Check::Body(rest.to_owned()),
        "bytes" => range(rest).map(|(first, last)| Check::Bytes(first, last))?,
        "parts" => Check::Parts(rest.split(',').map(|part| range(part.trim())).collect::<Result<_, _>>()?),
        "upstream" => {
            let (index, rest) = match rest.split_once(' ') {
                Some((number, field)) if number.parse::<usize>().is_ok() => (number.parse().unwrap_or(1_usize), field),
                _ => (1, rest),
            };
            let (name, value) = field(rest)?;
            Check::Upstream(index.saturating_sub(1), name, value)
        }
        "cache-status" => Check::CacheStatus(rest.to_owned()),
        "asked" => Check::Asked(number()?),
        "brought" => Check::Brought(number()?),
        "interim" => Check::Interim(rest.parse().map_err(|_| "no status")?),
        "together" => {
            let (count, told) = rest.split_once(' ').ok_or("together is followed by a number and what is told")?;
            Check::Together(count.parse().map_err(|_| "no number of clients")?, told.to_owned())
        }
        "trailer" => field(rest).map(|(name, value)| Check::Trailer(name, value))?,
        _ => field(text).map(|(name, value)| Check::Field(name, value))?,
    })
}

fn range(text: &str) -> Result<(u64, u64), Problem> {
    let parsed = text.split_once('-').and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    parsed.ok_or_else(|| "a range is FIRST-LAST".to_owned())
}

fn field(text: &str) -> Result<(String, String), Problem> {
    let (name, value) =
        text.split_once(':').filter(|_| is_field(text)).ok_or("neither a known word nor Field: value")?;
    Ok((name.to_owned(), value.trim().to_owned()))
}

fn is_field(text: &str) -> bool {
    text.split_once(':').is_some_and(|(name, _)| !name.is_empty() && !name.contains([' ', '/', '?']))
}

#[test]
fn what_cannot_be_read_is_named_with_its_line() {
    let check = |text: &str, expected: &str| {
        let problems = rows("f", text).expect_err(text);
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{text:?}: {problems:?}");
    };
    check("> GET", "f:1: a row begins with its name");
    check("name\n> GET", "f:2: the line after the name");
    check("name\n: 9111, Must\n> GET", "f:2: no section");
    check("name\n: 9111 §3, Maybe\n> GET", "f:2: the section is followed by");
    check("name\n: 9111 §3, Must, route nowhere\n> GET", "f:2: no such route");
    check("name\n: 9111 §3, Must", "f:1: the row asks nothing");
    check("name\n: 9111 §3, Must\n< 200", "f:3: no request before it");
    check("name\n: 9111 §3, Must\n> GET\n< Age: 1", "f:4: no status before it");
    check("name\n: 9111 §3, Must\n> GET\n< fine", "f:4: neither a field");
    check("name\n: 9111 §3, Must\n> GET\n< 103", "f:1: an interim answer");
    check("name\n: 9111 §3, Must\n> GET\n= cashed", "f:4: neither a known word");
    check("name\n: 9111 §3, Must\n> GET\n= cached", "f:4: that step is not before");
    check("name\n: 9111 §3, Must\n> GET\n= bytes 5", "f:4: a range is");
    check("{*}\n* one | two\n: 9111, Must\n> GET", "f:3: no section");
    check("name\n: 9111 §3, Must\n> GET\n=cached", "f:4: a line begins with");
}
