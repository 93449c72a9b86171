//! WebSocket: a Python server and a Python client, with the gateway between them.

use std::process::Command;

use super::{Server, run, text};
use crate::harness::{Setup, free_port, skipped};

const SERVER: &str = "
import asyncio, sys, websockets
async def echo(socket, *path):
    async for message in socket:
        await socket.send(message)
async def main():
    async with websockets.serve(echo, '127.0.0.1', int(sys.argv[1]), max_size=None):
        await asyncio.Future()
asyncio.run(main())
";

const CLIENT: &str = "
import asyncio, sys, websockets
async def main():
    async with websockets.connect(f'ws://127.0.0.1:{sys.argv[1]}/socket', max_size=None) as socket:
        for message in ['hello', 'h\\u00e9', b'\\x00\\xff' * 100, 'x' * 1000000]:
            await socket.send(message)
            assert await socket.recv() == message
        await (await socket.ping())
        for number in range(200):
            await socket.send(str(number))
        for number in range(200):
            assert await socket.recv() == str(number)
    print('well')
asyncio.run(asyncio.wait_for(main(), 20))
";

/// The Python that has the package: Debian's own, which need not be the first in the path.
fn python() -> Option<&'static str> {
    let has = |python: &&str| {
        Command::new(python).args(["-c", "import websockets"]).output().is_ok_and(|out| out.status.success())
    };
    let found = ["/usr/bin/python3", "python3"].into_iter().find(has);
    if found.is_none() {
        skipped("no Python with the package `websockets`");
    }
    found
}

#[test]
fn a_conversation_passes_both_ways() {
    let Some(python) = python() else { return };
    let port = free_port();
    let server = Server::start(Command::new(python).args(["-c", SERVER, &port.to_string()]), port);
    let mut setup = Setup::new();
    setup.route("talk", &format!("path = /\nupstream = {}\nupgrade = yes", server.url()));
    let gateway = setup.start();
    let own = gateway.address.port().to_string();
    assert_eq!(text(&run(Command::new(python).args(["-c", CLIENT, &own]))).trim(), "well");
}
