//! Certificates of several makers, whole and damaged.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, DnValue, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
    date_time_ymd,
};

use super::*;
use crate::auth::{Identity, Kind};
use crate::base::{Now, PeerCertificate, Wall};

const DAY: i64 = 86_400;
/// 2025-01-01
const IN_2025: i64 = 20_089 * DAY;

fn at(seconds: i64) -> Now {
    Now { wall: Wall::from_seconds(seconds), sure: true, ..Now::default() }
}

fn authority(name: &str) -> (String, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), Issuer::new(params, key))
}

fn issued(issuer: &Issuer<'static, KeyPair>, change: impl FnOnce(&mut CertificateParams)) -> PeerCertificate {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.not_before = date_time_ymd(2020, 2, 29);
    params.not_after = date_time_ymd(2070, 1, 1);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    PeerCertificate { der: Arc::from(&**params.signed_by(&key, issuer).unwrap().der()), chain: Vec::new() }
}

fn named(change: impl FnOnce(&mut CertificateParams)) -> Arc<Identity> {
    identity(&issued(&authority("ministry").1, change)).unwrap()
}

#[test]
fn all_names_are_read_and_the_first_is_the_id() {
    let found = named(|params| {
        params.distinguished_name.push(DnType::OrganizationName, "Clinic");
        params.distinguished_name.push(DnType::CommonName, "Tablet 3 – Küche");
        params.subject_alt_names = vec![
            SanType::DnsName("Tablet3.Clinic.example".try_into().unwrap()),
            SanType::Rfc822Name("nurse@clinic.example".try_into().unwrap()),
            SanType::URI("urn:tablet:3".try_into().unwrap()),
            SanType::IpAddress("192.0.2.7".parse().unwrap()),
            SanType::IpAddress("2001:db8::7".parse().unwrap()),
            SanType::DnsName("second.example".try_into().unwrap()),
        ];
    });
    assert_eq!((found.kind, found.id.as_str()), (Kind::Certificate, "dns:tablet3.clinic.example"));
    assert_eq!(found.name, "Tablet 3 – Küche");
    assert_eq!(found.claim("dns"), ["tablet3.clinic.example", "second.example"]);
    assert_eq!(found.claim("email"), ["nurse@clinic.example"]);
    assert_eq!(found.claim("uri"), ["urn:tablet:3"]);
    assert_eq!(found.claim("ip"), ["192.0.2.7", "2001:db8::7"]);
    assert_eq!(found.claim("cn"), ["Tablet 3 – Küche"]);
    assert_eq!(found.claim("issuer"), ["ministry"]);
    // 2020-02-29 is in UTCTime, 2070 in GeneralizedTime.
    assert_eq!(found.not_before, Some(Wall::from_seconds(18_321 * DAY)));
    assert_eq!(found.expires, Some(Wall::from_seconds(36_525 * DAY)));
}

#[test]
fn without_alternative_names_it_is_the_common_name_and_else_the_fingerprint() {
    let common = named(|params| params.distinguished_name.push(DnType::CommonName, "Tablet 3"));
    assert_eq!((common.id.as_str(), common.name.as_str()), ("cn:Tablet 3", "Tablet 3"));
    let certificate = issued(&authority("ministry").1, |params| {
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Clinic");
    });
    let nameless = identity(&certificate).unwrap();
    let print: String = fingerprint(&certificate).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(nameless.id, format!("sha256:{print}"));
    assert_eq!(nameless.claim("sha256"), [print]);
}

#[test]
fn names_that_would_read_differently_elsewhere_are_no_names() {
    for name in ["admin\0.example", "admin\r\nX-Role: admin", ""] {
        let found = named(|params| params.distinguished_name.push(DnType::CommonName, name));
        assert!(found.claim("cn").is_empty(), "{name:?}");
    }
    let long = named(|params| params.distinguished_name.push(DnType::CommonName, "a".repeat(257)));
    assert!(long.claim("cn").is_empty());
    for value in [
        DnValue::PrintableString("Tablet".try_into().unwrap()),
        DnValue::BmpString("Tablet".try_into().unwrap()),
        DnValue::TeletexString("Tablet".try_into().unwrap()),
        DnValue::Ia5String("Tablet".try_into().unwrap()),
    ] {
        let found = named(|params| params.distinguished_name.push(DnType::CommonName, value));
        assert_eq!(found.claim("cn"), ["Tablet"]);
    }
}

#[test]
fn a_flood_of_names_is_cut() {
    let found = named(|params| {
        let names = (0..1000).map(|n| SanType::DnsName(format!("n{n}.example").try_into().unwrap()));
        params.subject_alt_names = names.collect();
        params.distinguished_name.push(DnType::CommonName, "x");
    });
    assert_eq!((found.claim("dns").len(), found.claim("cn").len()), (32, 1));
}

#[test]
fn damage_is_never_a_panic_and_a_cut_one_is_nobodys() {
    let whole = issued(&authority("ministry").1, |params| {
        params.subject_alt_names = vec![SanType::DnsName("a.example".try_into().unwrap())];
    });
    let read = |der: &[u8]| identity(&PeerCertificate { der: Arc::from(der), chain: Vec::new() });
    for len in 0..whole.der.len() {
        assert_eq!(read(&whole.der[..len]).err(), Some(CertificateProblem::Malformed), "{len}");
    }
    assert!(read(&[&*whole.der, &[0]].concat()).is_err());
    for at in 0..whole.der.len() {
        for bit in 0..8 {
            let mut der = whole.der.to_vec();
            der[at] ^= 1 << bit;
            let _ = read(&der);
        }
    }
}

#[test]
fn lengths_must_be_in_their_shortest_form() {
    for der in
        [&[0x30, 0x80][..], &[0x30, 0x81, 0x05, 0, 0, 0, 0, 0], &[0x30, 0x84, 0, 0, 0, 0], &[0x3f, 0x00], &[0x30]]
    {
        assert!(der::certificate(der).is_none(), "{der:x?}");
    }
}

#[test]
fn names_are_matched_whole_or_by_one_label() {
    let found = named(|params| {
        params.distinguished_name.push(DnType::CommonName, "Tablet 3");
        params.subject_alt_names = vec![
            SanType::DnsName("t3.clinic.example".try_into().unwrap()),
            SanType::Rfc822Name("nurse@clinic.example".try_into().unwrap()),
        ];
    });
    for (pattern, expected) in [
        ("t3.clinic.example", true),
        ("T3.Clinic.Example", true),
        ("*.clinic.example", true),
        ("Tablet 3", true),
        ("nurse@clinic.example", true),
        ("*.example", false),
        ("*", false),
        ("*.", false),
        ("clinic.example", false),
        ("3.clinic.example", false),
        ("t3.clinic.example.evil", false),
        ("*.t3.clinic.example", false),
        ("", false),
    ] {
        assert_eq!(is_named(&found, &[pattern.to_owned()]), expected, "{pattern}");
    }
    assert!(is_named(&found, &[]));
    assert!(is_named(&found, &["other".to_owned(), "*.clinic.example".to_owned()]));
    let email = named(|params| {
        params.subject_alt_names = vec![SanType::Rfc822Name("a@b.clinic.example".try_into().unwrap())];
    });
    assert!(!is_named(&email, &["*.clinic.example".to_owned()]), "a wildcard stands for a label of a host name");
}

#[test]
fn a_route_may_take_fewer_authorities() {
    let (clinic, clinic_issuer) = authority("clinic");
    let (other, _) = authority("other");
    let certificate = issued(&clinic_issuer, |_| {});
    let read = |pem: &str| Authorities::from_pem(pem.as_bytes()).unwrap();
    let now = at(IN_2025);
    assert!(issued_by(&certificate, &read(&clinic), now));
    assert!(issued_by(&certificate, &read(&(other.clone() + &clinic)), now));
    assert!(!issued_by(&certificate, &read(&other), now));
    assert!(!issued_by(&certificate, &read(&clinic), at(0)), "not valid yet");
    assert!(!issued_by(&certificate, &read(&clinic), at(40_000 * DAY)), "expired");
    let server = issued(&clinic_issuer, |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    assert!(!issued_by(&server, &read(&clinic), now));
    let damaged = PeerCertificate { der: Arc::from(&certificate.der[..certificate.der.len() - 1]), chain: Vec::new() };
    assert!(!issued_by(&damaged, &read(&clinic), now));
}

#[test]
fn an_authority_between_may_be_the_routes() {
    let (root, root_issuer) = authority("root");
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "district");
    let key = KeyPair::generate().unwrap();
    let district = params.signed_by(&key, &root_issuer).unwrap();
    let own = issued(&Issuer::new(params, key), |_| {});
    let linked = PeerCertificate { chain: vec![Arc::from(&**district.der())], ..own.clone() };
    let read = |pem: &str| Authorities::from_pem(pem.as_bytes()).unwrap();
    let now = at(IN_2025);
    assert!(issued_by(&linked, &read(&root), now) && issued_by(&linked, &read(&district.pem()), now));
    assert!(issued_by(&own, &read(&district.pem()), now) && !issued_by(&own, &read(&root), now));
}

#[test]
fn a_file_of_authorities_is_read_whole_or_not_at_all() {
    let (good, _) = authority("good");
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for pem in ["", "nothing", broken, &(good.clone() + broken)] {
        assert!(Authorities::from_pem(pem.as_bytes()).is_err(), "{pem}");
    }
}

#[test]
fn a_bound_token_goes_with_its_certificate_only() {
    let mut token = (*named(|_| {})).clone();
    token.kind = Kind::Token;
    let (own, other) = ([1; 32], [2; 32]);
    for (bound_to, shown, expected) in [
        (None, None, true),
        (None, Some(&own), true),
        (Some(own), Some(&own), true),
        (Some(own), Some(&other), false),
        (Some(own), None, false),
    ] {
        token.bound_to = bound_to;
        assert_eq!(is_bound_here(&token, shown), expected, "{bound_to:?} {shown:?}");
    }
}
