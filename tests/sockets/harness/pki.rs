//! Chains as the `openssl` command makes them: what authorities outside of this project hand out.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Authorities and certificates in a folder of their own, which is removed in the end. `NAME.pem` is a certificate
/// with what a client sends behind it, `NAME.key` its key.
pub(crate) struct Pki {
    folder: PathBuf,
}

/// What a certificate is for.
#[derive(Clone, Copy)]
pub(crate) enum Usage {
    Client,
    Server,
    Authority,
}

const CONFIG: &str = "
[ca]
default_ca = own
[own]
database = $ENV::BASE/$ENV::CA.index
serial = $ENV::BASE/serial
new_certs_dir = $ENV::BASE/issued
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
crlnumber = $ENV::BASE/crlnumber
[any]
commonName = optional
organizationName = optional
[req]
distinguished_name = names
[names]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[client]
basicConstraints = CA:FALSE
extendedKeyUsage = clientAuth
[server]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
";

impl Pki {
    /// `None`, and a word, where there is no `openssl` command.
    #[allow(clippy::print_stderr, reason = "whoever runs the tests is to know what was left out")]
    pub(crate) fn new() -> Option<Pki> {
        static COUNTER: AtomicUsize = AtomicUsize::new(0);
        if Command::new("openssl").arg("version").output().is_err() {
            eprintln!("skipped: there is no openssl command");
            return None;
        }
        let name = format!("hafir-pki-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let pki = Pki { folder: std::env::temp_dir().join(name) };
        std::fs::create_dir_all(pki.path("issued")).expect("a folder");
        pki.write("openssl.cnf", CONFIG);
        pki.write("serial", "1000\n");
        pki.write("crlnumber", "01\n");
        Some(pki)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a file")
    }

    /// An authority that nobody vouches for.
    pub(crate) fn root(&self, name: &str) -> PathBuf {
        self.self_signed(name, "authority");
        self.path(&format!("{name}.pem"))
    }

    /// A certificate for itself.
    pub(crate) fn self_signed(&self, name: &str, extensions: &str) {
        self.key(name);
        let (subject, key, out) = (format!("/CN={name}"), format!("{name}.key"), format!("{name}.pem"));
        let new = ["req", "-new", "-x509", "-config", "openssl.cnf", "-days", "3650", "-extensions", extensions];
        self.run(name, &[&new[..], &["-subj", &subject, "-key", &key, "-out", &out]].concat());
        self.write(&format!("{name}.index"), "");
    }

    pub(crate) fn issue(&self, authority: &str, name: &str, usage: Usage) {
        self.issue_between(authority, name, usage, "20200101000000Z", "20700101000000Z");
    }

    /// `from` and `to` as `YYYYMMDDHHMMSSZ`. The certificate has the names `DNS:NAME.clinic.example`,
    /// `email:NAME@clinic.example`, `URI:urn:tablet:NAME` and `IP:192.0.2.7`.
    pub(crate) fn issue_between(&self, authority: &str, name: &str, usage: Usage, from: &str, to: &str) {
        self.key(name);
        let (key, request) = (format!("{name}.key"), format!("{name}.csr"));
        let names = format!(
            "subjectAltName=DNS:{name}.clinic.example,email:{name}@clinic.example,URI:urn:tablet:{name},IP:192.0.2.7"
        );
        let subject = format!("/O=Clinic/CN={name}");
        let ask = ["req", "-new", "-config", "openssl.cnf", "-subj", &subject, "-key", &key, "-out", &request];
        let own: &[&str] = if matches!(usage, Usage::Authority) { &[] } else { &["-addext", &names] };
        self.run(authority, &[&ask[..], own].concat());
        let section = match usage {
            Usage::Client => "client",
            Usage::Server => "server",
            Usage::Authority => "authority",
        };
        let (certificate, signer) = (format!("{name}.pem"), format!("{authority}.key"));
        let by = format!("{authority}.pem");
        let sign = ["ca", "-batch", "-notext", "-config", "openssl.cnf", "-cert", &by, "-keyfile", &signer];
        let what = ["-in", &request, "-out", &certificate, "-extensions", section, "-startdate", from, "-enddate", to];
        self.run(authority, &[&sign[..], &what[..]].concat());
        self.write(&format!("{name}.index"), "");
    }

    /// Puts the authority's certificate behind the client's, as it is sent.
    pub(crate) fn append(&self, name: &str, authority: &str) {
        let chain = self.read(&format!("{name}.pem")) + &self.read(&format!("{authority}.pem"));
        self.write(&format!("{name}.pem"), &chain);
    }

    pub(crate) fn revoke(&self, authority: &str, name: &str) {
        let (by, signer, certificate) = (format!("{authority}.pem"), format!("{authority}.key"), format!("{name}.pem"));
        let back = ["ca", "-config", "openssl.cnf", "-cert", &by, "-keyfile", &signer, "-revoke", &certificate];
        self.run(authority, &back);
    }

    /// The authority's revocation list, which is already past its next update.
    pub(crate) fn list(&self, authority: &str) -> PathBuf {
        let (by, signer, out) = (format!("{authority}.pem"), format!("{authority}.key"), format!("{authority}.crl"));
        let list = ["ca", "-config", "openssl.cnf", "-cert", &by, "-keyfile", &signer, "-gencrl", "-out", &out];
        let dates = ["-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", "20200201000000Z"];
        self.run(authority, &[&list[..], &dates[..]].concat());
        self.path(&out)
    }

    fn key(&self, name: &str) {
        let out = format!("{name}.key");
        let kind = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &out];
        self.run(name, &kind);
    }

    fn run(&self, authority: &str, words: &[&str]) {
        let mut command = Command::new("openssl");
        command.args(words).current_dir(&self.folder).env("BASE", &self.folder).env("CA", authority);
        let done = command.output().expect("openssl runs");
        assert!(done.status.success(), "openssl {words:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for Pki {
    fn drop(&mut self) {
        let _: std::io::Result<()> = std::fs::remove_dir_all::<&Path>(&self.folder);
    }
}
