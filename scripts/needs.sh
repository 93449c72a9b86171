# shellcheck shell=bash
# What scripts/run and scripts/test share: saying things, and installing what is missing. Sourced, not run.

say() { printf '\n== %s\n' "$*"; }
fail() {
    printf '\n%s\n' "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "This needs root and there is no sudo here. As root, run:  $*"
    fi
}

# need_packages "COMMAND PACKAGE" ...: installs the packages whose commands are missing, all at once.
need_packages() {
    missing=
    for pair in "$@"; do
        command -v "${pair%% *}" >/dev/null || missing="$missing ${pair#* }"
    done
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null || fail "Missing here, and there is no apt-get to install it with:$missing
Please install these (the names are Debian's) and start this again."
    say "installing with apt:$missing"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # a list of words
    if ! as_root apt-get install -y --no-install-recommends $missing >"$log" 2>&1; then
        as_root apt-get update >"$log" 2>&1 ||
            fail "apt-get update failed: $(tail -n 3 "$log")"
        # shellcheck disable=SC2086
        as_root apt-get install -y --no-install-recommends $missing >"$log" 2>&1 ||
            fail "apt-get could not install$missing: $(tail -n 3 "$log")"
    fi
}

# True where version $1 is $2 or newer.
at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

cargo_version() { cargo --version 2>/dev/null | cut -d ' ' -f 2; }

# A cargo that is new enough for Cargo.toml's rust-version. Rust is touched only where it is absent or too old.
need_rust() {
    wanted=$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' Cargo.toml)
    [ -x "$HOME/.cargo/bin/cargo" ] && PATH="$HOME/.cargo/bin:$PATH"
    have=$(cargo_version || true)
    if [ -n "$have" ] && at_least "$have" "$wanted"; then
        return 0
    fi
    if [ -z "$have" ]; then
        say "Rust is not installed here; $wanted or newer is needed. Installing it with rustup into $HOME/.cargo"
    else
        say "Rust here is $have; $wanted or newer is needed. Installing it with rustup into $HOME/.cargo"
    fi
    if ! command -v rustup >/dev/null; then
        need_packages "curl curl ca-certificates"
        curl --proto '=https' --tlsv1.2 -fsS https://sh.rustup.rs -o "$log.rustup" ||
            fail "rustup could not be fetched. Is this machine online? Rust can also be installed by hand: https://rustup.rs"
        sh "$log.rustup" -y --profile minimal --default-toolchain stable --no-modify-path ||
            fail "rustup could not install Rust (see above)."
        rm -f "$log.rustup"
        PATH="$HOME/.cargo/bin:$PATH"
    else
        rustup toolchain install stable --profile minimal || fail "rustup could not install Rust (see above)."
        export RUSTUP_TOOLCHAIN=stable
    fi
    have=$(cargo_version || true)
    if [ -z "$have" ] || ! at_least "$have" "$wanted"; then
        fail "Rust is still '$have' after installing; $wanted is needed."
    fi
}

# The checksums of all that is in target/dist.
write_sums() {
    (
        cd "${CARGO_TARGET_DIR:-target}/dist" || exit
        sums=$(find . -maxdepth 1 -type f ! -name SHA256SUMS -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum)
        echo "$sums" >SHA256SUMS
    )
}

log=$(mktemp)
trap 'rm -f "$log" "$log.rustup"' EXIT
