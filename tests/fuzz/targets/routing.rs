//! A target has one normal form, and takes no route that another spelling of it does not take.
#![no_main]

use std::sync::LazyLock;

use hafir::doors::Routes;

static ROUTES: LazyLock<Routes> = LazyLock::new(|| {
    Routes::new(
        "[route open]\npath = /open/\nupstream = http://127.0.0.1:1\n\
         [route closed]\npath = /closed/\nupstream = http://127.0.0.1:1\n\
         [route film]\npath = *.mp4\nupstream = http://127.0.0.1:1\n\
         [route moved]\npath = /moved/\nupstream = http://127.0.0.1:1/base/\nstrip = yes\n",
    )
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for prefix in ["", "/open/", "/closed/..", "/moved/"] {
        let Some(routed) = ROUTES.route(&[prefix.as_bytes(), bytes].concat()) else { continue };
        if routed.path == "*" {
            continue;
        }
        let again = ROUTES.route(routed.path.as_bytes());
        assert_eq!(again.as_ref(), Some(&routed), "a normal form is its own normal form");
        let lower = routed.path.to_ascii_lowercase();
        for climbing in ["/../", "/./", "//", "%2f", "%5c", "%00", "%2e", "\\"] {
            assert!(!lower.contains(climbing), "{}", routed.path);
        }
        assert!(!lower.ends_with("/..") && !lower.ends_with("/."), "{}", routed.path);
        if let Some((route, forwarded)) = routed.route {
            let below = |folder: &str| routed.path.starts_with(folder) || routed.path == folder.trim_end_matches('/');
            match route.as_str() {
                "open" => assert!(below("/open/") && forwarded == routed.path),
                "closed" => assert!(below("/closed/") && forwarded == routed.path),
                "film" => assert!(routed.path.ends_with(".mp4") && !below("/open/") && !below("/closed/")),
                _ => assert!(below("/moved/") && forwarded.starts_with("/base"), "{forwarded}"),
            }
        }
    }
});
