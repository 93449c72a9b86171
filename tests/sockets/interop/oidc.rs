//! An OpenID Connect provider (oidc-provider-mock from PyPI, which uses Authlib): somebody logs in, and the token counts.

use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use super::{Server, have, run, text};
use crate::harness::{Setup, free_port, skipped};

/// Made by `scripts/test interop`.
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/oidc-provider/bin/python");

const LOGIN: &str = "
import http.client, json, sys, urllib.parse as url
def post(path, form):
    connection = http.client.HTTPConnection('localhost', int(sys.argv[1]), timeout=20)
    connection.request('POST', path, url.urlencode(form), {'Content-Type': 'application/x-www-form-urlencoded'})
    return connection.getresponse()
client = {'client_id': sys.argv[2], 'redirect_uri': 'http://localhost/back'}
asked = url.urlencode({**client, 'response_type': 'code', 'scope': 'openid'})
sent_on = post('/oauth2/authorize?' + asked, {'sub': 'anna'}).getheader('Location')
code = url.parse_qs(url.urlparse(sent_on).query)['code'][0]
form = {**client, 'grant_type': 'authorization_code', 'code': code, 'client_secret': 'any'}
print(json.load(post('/oauth2/token', form))['id_token'], end='')
";

#[test]
fn somebody_who_logged_in_at_a_provider_is_known_also_when_it_is_gone() {
    if !have(&["python3"]) {
        return;
    }
    if !Path::new(PYTHON).exists() {
        return skipped("oidc-provider-mock is not in target/oidc-provider");
    }
    let port = free_port();
    let number = port.to_string();
    let server = Server::start(Command::new(PYTHON).args(["-m", "oidc_provider_mock", "--port", &number]), port);
    let token = |audience: &str| text(&run(Command::new("python3").args(["-c", LOGIN, &number, audience])));
    let (ours, anothers) = (token("board"), token("another"));
    let mut setup = Setup::new();
    setup.set("jwt school", "issuer", &format!("http://localhost:{port}")).set("jwt school", "audience", "board");
    setup.route("all", "path = /\nrespond = 200\nauth = jwt");
    let mut gateway = setup.start();
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    assert_eq!(gateway.get_with("/", &bearer(&ours)).status, 200);
    assert_eq!(gateway.get_with("/", &bearer(&anothers)).status, 401);
    let (signed, _) = ours.rsplit_once('.').expect("three parts");
    assert_eq!(gateway.get_with("/", &bearer(&format!("{signed}."))).status, 401);
    drop(server);
    gateway.signal(Signal::TERM);
    gateway.wait_for_exit();
    gateway.start_again();
    assert_eq!(gateway.get_with("/", &bearer(&ours)).status, 200);
}
