//! A panic in one exchange must not end the gateway. That depends on what a target's binary is linked with, so this is built as hafir is, and
//! ends well if a panic could be caught, in the main thread and in another.

fn caught() -> bool {
    std::panic::catch_unwind(|| {
        let bytes: Vec<u8> = std::env::args().flat_map(String::into_bytes).collect();
        bytes.get(usize::MAX).copied().expect("no list is that long")
    })
    .is_err()
}

fn main() {
    assert!(caught(), "not caught in the main thread");
    assert!(std::thread::spawn(caught).join().unwrap_or(false), "not caught in a thread");
}
