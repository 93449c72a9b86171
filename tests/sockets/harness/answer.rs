use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Gate;

/// What an origin does about one request: a row of steps, after which the connection is kept unless a step ended it.
#[derive(Clone, Default)]
pub(crate) struct Answer {
    pub(crate) steps: Vec<Step>,
    /// Begin before the request's body is read, and do not read it.
    pub(crate) early: bool,
}

#[derive(Clone)]
pub(crate) enum Step {
    Send(Vec<u8>),
    Wait(Gate),
    Close,
    /// Close in a way the peer sees as broken (RST).
    Reset,
    /// Send back whatever comes until the peer ends.
    Echo,
}

impl Answer {
    /// Exactly these bytes.
    pub(crate) fn raw(bytes: impl AsRef<[u8]>) -> Answer {
        Answer { steps: vec![Step::Send(bytes.as_ref().to_vec())], early: false }
    }

    /// 200 with `Date`, `Content-Length` and the given field lines, each without its line end.
    pub(crate) fn ok(fields: &[&str], body: impl AsRef<[u8]>) -> Answer {
        Answer::status("200 OK", fields, body)
    }

    pub(crate) fn status(status: &str, fields: &[&str], body: impl AsRef<[u8]>) -> Answer {
        let body = body.as_ref();
        let mut bytes = Answer::head(status, fields).into_bytes();
        bytes.truncate(bytes.len() - 2);
        bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
        bytes.extend_from_slice(body);
        Answer::raw(bytes)
    }

    /// 304 with `Date` and the given field lines.
    pub(crate) fn not_modified(fields: &[&str]) -> Answer {
        Answer::raw(Answer::head("304 Not Modified", fields))
    }

    /// A head with `Date` and these fields, its empty line included.
    pub(crate) fn head(status: &str, fields: &[&str]) -> String {
        let mut head = format!("HTTP/1.1 {status}\r\nDate: {}\r\n", http_date(0));
        for field in fields {
            head.push_str(field);
            head.push_str("\r\n");
        }
        head + "\r\n"
    }

    pub(crate) fn send(mut self, bytes: impl AsRef<[u8]>) -> Answer {
        self.steps.push(Step::Send(bytes.as_ref().to_vec()));
        self
    }

    /// Then a 200 with this body.
    pub(crate) fn then_ok(self, body: &str) -> Answer {
        self.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    }

    pub(crate) fn wait(mut self, gate: &Gate) -> Answer {
        self.steps.push(Step::Wait(gate.clone()));
        self
    }

    pub(crate) fn close(mut self) -> Answer {
        self.steps.push(Step::Close);
        self
    }

    pub(crate) fn reset(mut self) -> Answer {
        self.steps.push(Step::Reset);
        self
    }

    pub(crate) fn echo(mut self) -> Answer {
        self.steps.push(Step::Echo);
        self
    }

    pub(crate) fn early(mut self) -> Answer {
        self.early = true;
        self
    }
}

/// IMF-fixdate (RFC 9110 §5.6.7) of now plus some seconds.
pub(crate) fn http_date(offset: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let now = SystemTime::now();
    let shift = Duration::from_secs(offset.unsigned_abs());
    let then = if offset < 0 { now - shift } else { now + shift };
    let seconds = then.duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let weekday = DAYS[usize::try_from(days % 7).expect("below 7")];
    let (mut year, mut left) = (1970_u64, days);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while left >= 365 + u64::from(leap(year)) {
        left -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while left >= lengths[month] {
        left -= lengths[month];
        month += 1;
    }
    let (hours, minutes, seconds) = (rest / 3600, rest / 60 % 60, rest % 60);
    let (day, month) = (left + 1, MONTHS[month]);
    format!("{weekday}, {day:02} {month} {year} {hours:02}:{minutes:02}:{seconds:02} GMT")
}

#[test]
fn dates_are_those_of_the_calendar() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let at = |seconds: i64| http_date(seconds - i64::try_from(now).expect("fits"));
    // One second of slack: the clock may tick in between.
    assert!(["Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:38 GMT"].contains(&at(784_111_777).as_str()));
    assert!(["Thu, 29 Feb 2024 00:00:00 GMT", "Thu, 29 Feb 2024 00:00:01 GMT"].contains(&at(1_709_164_800).as_str()));
}
