# What the scripts of this folder share. Source it; it changes nothing.
set -euo pipefail
umask 077

engines=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# Downloaded programs stay here, also over `down`.
tools=${BLINDTALLY_TOOLS:-$(cd "$engines/../.." && pwd)/.tools}

fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# A port of the loopback address that nobody listens on, below those that a blindtally in one process chooses from. Whoever starts on it
# may still lose a race: it fails then, clearly.
free_port() {
    local port tries
    for ((tries = 0; tries < 100; tries++)); do
        port=$((16000 + RANDOM % 4000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
    fail "no free port was found"
}

# Waits until process $1 is gone, at most $2 seconds.
wait_gone() {
    local end=$((SECONDS + $2))
    while kill -0 "$1" 2>/dev/null; do
        ((SECONDS < end)) || return 1
        sleep 0.05
    done
}
