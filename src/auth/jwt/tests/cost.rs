//! What a token costs that was seen before. Run by hand, in a release build:
//! `cargo test --release --lib auth::jwt::tests::cost -- --ignored --nocapture`.

use std::hint::black_box;
use std::time::Instant;

use super::*;

#[test]
#[ignore = "measures"]
#[expect(clippy::print_stdout, reason = "the result")]
fn a_token_seen_before_costs_a_tenth_of_a_verification() {
    let signers = Signers::new();
    let more = r#""name":"Amina N.","scope":"records.read records.write","roles":["doctor","clinic"],"jti":"0123456789abcdef""#;
    for (algorithm, kid) in [(Algorithm::Rs256, "r"), (Algorithm::Es256, "p"), (Algorithm::EdDsa, "e")] {
        let tokens = tokens(rules(), &signers.jwks());
        let header = format!("\"kid\":\"{kid}\",\"typ\":\"at+jwt\"");
        let fresh: Vec<String> =
            (0..500).map(|n| signers.token(algorithm, &header, &payload(&format!("{more},\"n\":{n}")))).collect();
        let each = |count: usize, run: &dyn Fn(usize)| {
            let begin = Instant::now();
            (0..count).for_each(run);
            begin.elapsed().as_nanos() / count as u128
        };
        let first = each(fresh.len(), &|n| assert!(check(&tokens, black_box(&fresh[n])).is_ok()));
        let again = each(200_000, &|_| assert!(check(&tokens, black_box(&fresh[499])).is_ok()));
        let percent = 100.0 * again as f64 / first as f64;
        println!(
            "{}: {} bytes, first {first} ns, again {again} ns, {percent:.1} %",
            algorithm.name(),
            fresh[499].len()
        );
        assert!(percent <= 10.0);
    }
}
