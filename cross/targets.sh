# shellcheck shell=bash
# The boards that hafir is built for. Sourced by scripts/build and scripts/smoke.

all_targets=(aarch64 armv7 armv6 x86_64)

# What Rust calls a target.
triple_of() {
    case $1 in
    aarch64 | x86_64) echo "$1-unknown-linux-musl" ;;
    armv7) echo armv7-unknown-linux-musleabihf ;;
    armv6) echo arm-unknown-linux-musleabihf ;;
    *) return 1 ;;
    esac
}

# The oldest processor that a target's binary has to run on, emulated; nothing where this machine runs it by itself.
emulator_of() {
    case $1 in
    aarch64) echo qemu-aarch64-static -cpu cortex-a53 ;;
    armv7) echo qemu-arm-static -cpu cortex-a7 ;;
    armv6) echo qemu-arm-static -cpu arm1176 ;;
    x86_64) [ "$(uname -m)" = x86_64 ] || echo qemu-x86_64-static ;;
    esac
}

# targets_of WORD...: the targets that are meant, one a line.
targets_of() {
    local word
    for word in "$@"; do
        if [ "$word" = all ]; then
            printf '%s\n' "${all_targets[@]}"
        else
            triple_of "$word" >/dev/null || fail "'$word' is no target. There are: ${all_targets[*]}, and 'all'."
            echo "$word"
        fi
    done
}
