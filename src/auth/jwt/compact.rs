//! A token in its compact form (RFC 7515 §7.1), taken apart and not believed yet.

use super::algorithm::Algorithm;
use super::base64;
use super::jwk::LONGEST_KID;
use super::problem::TokenProblem;
use crate::base::json::{self, Json, JsonBounds};

/// Bytes of a header once decoded.
const LONGEST_HEADER: usize = 1024;
const HEADER_BOUNDS: JsonBounds = JsonBounds { depth: 3, values: 32 };

/// Header parameters that would let a token bring its own key or another meaning (RFC 8725 §3.10, RFC 7515 §4.1, RFC 7797,
/// RFC 7516), and `crit`, of which nothing is understood (§4.1.11). None is ever followed; a token that has one is refused.
const REFUSED: [&str; 9] = ["jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc", "cty"];

/// The three parts.
pub(super) struct Compact<'a> {
    pub(super) header: Header,
    /// JSON, still to be read.
    pub(super) payload: Vec<u8>,
    /// What was signed: header and payload as they came.
    pub(super) signed: &'a [u8],
    pub(super) signature: Vec<u8>,
}

/// What the header says (§4.1).
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    /// In lower case and without `application/` (§4.1.9).
    pub(super) typ: Option<String>,
}

pub(super) fn read(text: &str) -> Result<Compact<'_>, TokenProblem> {
    let (signed, signature) = text.rsplit_once('.').ok_or(TokenProblem::NotAToken)?;
    let (header, payload) = signed.split_once('.').ok_or(TokenProblem::NotAToken)?;
    if payload.contains('.') {
        return Err(TokenProblem::NotAToken);
    }
    let decoded = |part: &str| base64::decode(part.as_bytes()).ok_or(TokenProblem::Malformed);
    let header = read_header(&decoded(header)?)?;
    Ok(Compact { header, payload: decoded(payload)?, signed: signed.as_bytes(), signature: decoded(signature)? })
}

fn read_header(bytes: &[u8]) -> Result<Header, TokenProblem> {
    if bytes.len() > LONGEST_HEADER {
        return Err(TokenProblem::TooLarge);
    }
    let header = json::read(bytes, HEADER_BOUNDS).map_err(|_| TokenProblem::Malformed)?;
    let name = header.get("alg").and_then(Json::as_str).ok_or(TokenProblem::Malformed)?;
    let algorithm = Algorithm::from_name(name).ok_or(TokenProblem::Algorithm)?;
    if header.members().iter().any(|(name, _)| REFUSED.contains(&name.as_ref())) {
        return Err(TokenProblem::Header);
    }
    let kid = text(&header, "kid")?;
    if kid.is_some_and(|kid| kid.len() > LONGEST_KID) {
        return Err(TokenProblem::TooLarge);
    }
    Ok(Header { algorithm, kid: kid.map(str::to_owned), typ: text(&header, "typ")?.map(media_type) })
}

fn text<'j>(header: &'j Json<'_>, name: &str) -> Result<Option<&'j str>, TokenProblem> {
    header.get(name).map(|value| value.as_str().ok_or(TokenProblem::Malformed)).transpose()
}

fn media_type(typ: &str) -> String {
    let typ = typ.to_ascii_lowercase();
    typ.strip_prefix("application/").map(str::to_owned).unwrap_or(typ)
}
