use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};

use super::{Folder, PATIENCE};

/// A certificate authority that only the tests trust.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A client's TLS connection.
pub(crate) struct Secure {
    stream: StreamOwned<ClientConnection, TcpStream>,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(rcgen::DnType::CommonName, "hafir test authority");
        let key = KeyPair::generate().expect("a key");
        Authority { issuer: CertifiedIssuer::self_signed(params, key).expect("a certificate") }
    }

    /// The authority's own certificate as a file.
    pub(crate) fn file(&self, folder: &Folder) -> String {
        self.file_named(folder, "authority.pem")
    }

    pub(crate) fn file_named(&self, folder: &Folder, name: &str) -> String {
        folder.write(name, self.issuer.pem()).display().to_string()
    }

    /// Paths of a certificate for these names and of its key.
    pub(crate) fn issue(&self, folder: &Folder, file: &str, names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names.clone()).expect("names");
        params.distinguished_name.push(rcgen::DnType::CommonName, names.first().map_or("", String::as_str));
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let certificate = folder.write(&format!("{file}.pem"), certificate.pem());
        let key = folder.write(&format!("{file}.key"), key.serialize_pem());
        (certificate.display().to_string(), key.display().to_string())
    }

    /// A TLS connection that trusts this authority; the error is rustls's own.
    pub(crate) fn connect(
        &self,
        address: SocketAddr,
        name: &str,
        versions: &[&'static SupportedProtocolVersion],
    ) -> std::io::Result<Secure> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).expect("versions");
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let connection = ClientConnection::new(Arc::new(config), name).map_err(std::io::Error::other)?;
        // A gateway opens its ports one after the other; tests wait for the plain one alone.
        let mut socket = Err(std::io::ErrorKind::NotConnected.into());
        super::until(&format!("a listener at {address}"), || {
            socket = TcpStream::connect(address);
            socket.is_ok()
        });
        let socket = socket?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut stream = StreamOwned::new(connection, socket);
        stream.conn.complete_io(&mut stream.sock)?;
        Ok(Secure { stream })
    }
}

impl Secure {
    /// Sends a request that asks for the connection's end, and reads to it.
    pub(crate) fn ask(self, target: &str) -> String {
        self.exchange(&format!("GET {target} HTTP/1.1\r\nHost: board\r\nConnection: close\r\n\r\n"))
    }

    /// Sends a request that ends the connection, and reads to it.
    pub(crate) fn exchange(mut self, request: &str) -> String {
        self.stream.write_all(request.as_bytes()).expect("the gateway takes the request");
        let mut said = Vec::new();
        self.stream.read_to_end(&mut said).expect("an answer that ends with close_notify");
        String::from_utf8_lossy(&said).into_owned()
    }

    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        let chain = self.stream.conn.peer_certificates().expect("a certificate");
        chain.first().expect("a certificate").clone().into_owned()
    }

    pub(crate) fn protocol(&self) -> Option<&[u8]> {
        self.stream.conn.alpn_protocol()
    }
}
