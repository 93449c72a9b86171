//! The thread that plays the remote site: an origin behind the link, and a control listener on the near side.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use smol::channel::{self, Receiver, Sender};
use smol::io::AsyncWriteExt;
use smol::lock::Semaphore;
use smol::{Async, LocalExecutor, future};

use super::control;
use super::link::{Link, pause, within};
use super::site::{Answer, Body, Site};
use super::wire::{Method, Request, read_request};
use crate::net;

/// Connections to each listener: more than a gateway opens to one upstream, fewer than would cost memory.
const CONNECTIONS: usize = 128;
/// The near side answers at once, or the peer has gone.
const NEAR_WRITE: Duration = Duration::from_secs(30);

/// The remote site, running. Dropping it ends its thread and closes every connection.
pub(super) struct Remote {
    stop: Option<Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

/// Both doors, bound.
pub(super) struct Doors {
    /// The site, behind the link.
    pub(super) site: TcpListener,
    /// The start page and the switch.
    pub(super) control: TcpListener,
}

impl Doors {
    pub(super) fn addresses(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.site.local_addr()?, self.control.local_addr()?))
    }
}

impl Remote {
    /// `link` is made on the new thread, where it stays.
    pub(super) fn start(
        doors: Doors,
        link: impl FnOnce() -> Link + Send + 'static,
        start_page: String,
    ) -> io::Result<Remote> {
        let (site, control) = (Async::new(doors.site)?, Async::new(doors.control)?);
        let (stop, stopped) = channel::bounded(1);
        let serve = move || serve(&site, &control, Rc::new(link()), start_page.into(), &stopped);
        let thread = Builder::new().name("demo-remote".to_owned()).spawn(serve)?;
        Ok(Remote { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        drop(self.stop.take());
        // Its panic, if there was one, has been printed.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn serve(
    site: &Async<TcpListener>,
    control: &Async<TcpListener>,
    link: Rc<Link>,
    start_page: Rc<str>,
    stopped: &Receiver<Infallible>,
) {
    let executor = LocalExecutor::new();
    let content = Rc::new((Site::new(), RefCell::new(0)));
    let far = accept(&executor, site, |stream| far_connection(stream, Rc::clone(&link), Rc::clone(&content)));
    let near = accept(&executor, control, |stream| near_connection(stream, Rc::clone(&link), Rc::clone(&start_page)));
    let listening = async {
        future::zip(far, near).await;
    };
    let until_stopped = async {
        // Nothing is ever sent: the channel closes when the `Remote` is dropped.
        let _ = stopped.recv().await;
    };
    if let Err(cause) = net::run(executor.run(future::or(listening, until_stopped))) {
        log::error!("the remote site cannot wait for its connections: {cause}");
    }
}

/// Accepts for ever; each connection is a task, and none is accepted while too many are open.
async fn accept<'a, Task>(
    executor: &LocalExecutor<'a>,
    listener: &Async<TcpListener>,
    converse: impl Fn(Async<TcpStream>) -> Task,
) where
    Task: Future<Output = io::Result<()>> + 'a,
{
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let permit = permits.acquire_arc().await;
        match listener.accept().await {
            Ok((stream, _)) => {
                // Pieces are as small as the link makes them: none waits to be joined with the next.
                let _ = stream.get_ref().set_nodelay(true);
                let conversation = converse(stream);
                let task = async move {
                    // A peer that leaves or misbehaves ends its own connection, and nobody needs to know.
                    let _ = conversation.await;
                    drop(permit);
                };
                executor.spawn(task).detach();
            }
            // Out of descriptors, most likely: some will be free soon.
            Err(_) => pause(Duration::from_millis(100)).await,
        }
    }
}

/// A connection over the link. When the link goes, it is reset: at once while it is unused, after a while of silence
/// in the middle of an answer. So is one that comes while the link is away.
async fn far_connection(
    mut stream: Async<TcpStream>,
    link: Rc<Link>,
    content: Rc<(Site, RefCell<u64>)>,
) -> io::Result<()> {
    let ended = far_conversation(&mut stream, &link, &content).await;
    if ended.is_err() {
        // Reset instead of an orderly end: the peer must not take what has come for all there is.
        rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO))?;
    }
    ended
}

async fn far_conversation(
    stream: &mut Async<TcpStream>,
    link: &Link,
    content: &(Site, RefCell<u64>),
) -> io::Result<()> {
    if !link.is_up() {
        return Err(io::ErrorKind::NetworkUnreachable.into());
    }
    // The handshake, which the loopback interface finished long ago.
    link.round_trip().await?;
    let mut buffer = Vec::new();
    while let Some(request) = request_while_up(stream, &mut buffer, link).await? {
        link.requested(request.length);
        link.round_trip().await?;
        let answer = content.0.answer(&request, &mut content.1.borrow_mut());
        pause(answer.pause).await;
        send(stream, link, &content.0, &request, answer).await?;
        if request.last {
            break;
        }
    }
    Ok(())
}

async fn request_while_up(
    stream: &mut Async<TcpStream>,
    buffer: &mut Vec<u8>,
    link: &Link,
) -> io::Result<Option<Request>> {
    let cut = async {
        link.cut().await;
        Err(io::ErrorKind::ConnectionReset.into())
    };
    future::or(cut, read_request(stream, buffer)).await
}

async fn send(
    stream: &mut Async<TcpStream>,
    link: &Link,
    site: &Site,
    request: &Request,
    answer: Answer,
) -> io::Result<()> {
    link.carry(stream, &answer.head.bytes(request.last)).await?;
    match answer.body {
        _ if request.method == Method::Head => Ok(()),
        Body::Bytes(bytes) => link.carry(stream, &bytes).await,
        Body::Film(mut from, to) => {
            while from < to {
                let mut part = site.film_at(from);
                part.truncate(usize::try_from(to - from).unwrap_or(usize::MAX));
                link.carry(stream, &part).await?;
                from += part.len() as u64;
            }
            Ok(())
        }
    }
}

async fn near_connection(mut stream: Async<TcpStream>, link: Rc<Link>, start_page: Rc<str>) -> io::Result<()> {
    let mut buffer = Vec::new();
    while let Some(request) = read_request(&mut stream, &mut buffer).await? {
        let (head, body) = control::answer(&request, &link, &start_page);
        let mut bytes = head.bytes(request.last);
        if request.method != Method::Head {
            bytes.extend(body);
        }
        within(NEAR_WRITE, stream.write_all(&bytes)).await?;
        if request.last {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::Shutdown;

    use super::*;
    use crate::base::LinkRate;

    /// A remote site on a link without delay, and its two addresses.
    fn remote() -> (Remote, SocketAddr, SocketAddr) {
        let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
        let doors = Doors { site: listen(), control: listen() };
        let (site, control) = doors.addresses().unwrap();
        let link = || Link::without_patience(Duration::ZERO, LinkRate::bits_per_second(1_000_000_000));
        (Remote::start(doors, link, "<p>start".to_owned()).unwrap(), site, control)
    }

    /// Everything that comes back for one request, or why nothing more came.
    fn exchange(to: SocketAddr, request: &str) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(to)?;
        stream.write_all(request.as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }

    fn text(to: SocketAddr, request: &str) -> String {
        String::from_utf8_lossy(&exchange(to, request).unwrap()).into_owned()
    }

    #[test]
    fn pages_come_over_the_link_and_are_counted() {
        let (_remote, site, control) = remote();
        let request = "GET /rain.html HTTP/1.1\r\nHost: a\r\n\r\n";
        let page = text(site, request);
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("</html>\n"), "{page}");
        let state = text(control, "GET /demo/link HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(state.contains("\"requests\":1"), "{state}");
        assert!(state.contains(&format!("\"bytes\":{}", page.len() + request.len())), "{state}");
    }

    #[test]
    fn two_requests_on_a_connection_are_answered_in_order() {
        let (_remote, site, _control) = remote();
        let both = "HEAD /film.mp4 HTTP/1.1\r\nHost: a\r\n\r\nGET /api/visitors HTTP/1.1\r\nHost: a\r\n\r\n";
        let answers = text(site, both);
        assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
        assert!(answers.ends_with("{\"visitors\":1}"), "{answers}");
    }

    #[test]
    fn a_part_of_the_film_spans_its_frames() {
        let (_remote, site, _control) = remote();
        let answer = exchange(site, "GET /film.mp4 HTTP/1.1\r\nHost: a\r\nRange: bytes=10-99999\r\n\r\n").unwrap();
        let body = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        assert_eq!(answer.len() - body, 99_990);
    }

    #[test]
    fn the_switch_cuts_the_link_and_mends_it() {
        let (_remote, site, control) = remote();
        let page = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut unused = TcpStream::connect(site).unwrap();
        let cut = text(control, "POST /demo/link?up=0&rate=2Mbit/s HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        assert!(cut.contains("\"up\":false") && cut.contains("\"rate\":2000000"), "{cut}");
        assert!(unused.read(&mut [0]).is_err(), "an unused connection outlived the link");
        assert!(exchange(site, page).is_err());
        assert!(text(control, page).ends_with("<p>start"));
        text(control, "POST /demo/link?up=1 HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(exchange(site, page).is_ok());
    }

    #[test]
    fn an_answer_under_way_is_broken_off_when_the_link_goes() {
        let (_remote, site, control) = remote();
        let mut film = TcpStream::connect(site).unwrap();
        film.write_all(b"GET /film.mp4 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        film.read_exact(&mut [0; 4096]).unwrap();
        text(control, "POST /demo/link?up=0 HTTP/1.1\r\nHost: a\r\n\r\n");
        let end = film.read_to_end(&mut Vec::new());
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn wrong_switches_change_nothing() {
        let (_remote, _site, control) = remote();
        for (request, status) in [
            ("POST /demo/link?up=maybe HTTP/1.1", "400"),
            ("POST /demo/link?up=0&rate=fast HTTP/1.1", "400"),
            ("POST /demo/link?delay=9s HTTP/1.1", "400"),
            ("POST / HTTP/1.1", "405"),
            ("GET /nothing HTTP/1.1", "404"),
        ] {
            let answer = text(control, &format!("{request}\r\nHost: a\r\n\r\n"));
            assert_eq!(answer.get(9..12), Some(status), "{request}");
        }
        assert!(text(control, "GET /demo/link HTTP/1.1\r\nHost: a\r\n\r\n").contains("\"up\":true"));
    }
}
