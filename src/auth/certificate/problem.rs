//! Why a certificate is nobody's.

use std::fmt;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CertificateProblem {
    /// None was shown.
    Missing,
    /// It is not a certificate that can be read to its end.
    Malformed,
    /// It was good when the connection was made; since then it expired or was revoked, or its authority is gone.
    NoLonger,
    /// Its authority is not one of the route's.
    Authority,
    /// None of its names is one of the route's.
    Name,
    /// It is not the one that the token is bound to.
    Binding,
}

impl CertificateProblem {
    /// In records and logs.
    pub(crate) fn word(self) -> &'static str {
        match self {
            CertificateProblem::Missing => "no-certificate",
            CertificateProblem::Malformed => "bad-certificate",
            CertificateProblem::NoLonger => "certificate-no-longer",
            CertificateProblem::Authority => "certificate-authority",
            CertificateProblem::Name => "certificate-name",
            CertificateProblem::Binding => "certificate-binding",
        }
    }
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CertificateProblem::Missing => "a client certificate is needed and none was shown",
            CertificateProblem::Malformed => "the client certificate cannot be read",
            CertificateProblem::NoLonger => "the client certificate is no longer good",
            CertificateProblem::Authority => "the client certificate is from an authority that does not count here",
            CertificateProblem::Name => "the client certificate has none of the names that count here",
            CertificateProblem::Binding => "the token belongs to another client certificate",
        })
    }
}

impl std::error::Error for CertificateProblem {}
