#!/bin/sh
# Instructions per element of the hot kernels, counted under callgrind: exact, and the same on every run, even on a
# noisy machine.
#
#   perf/instructions.sh            compare with perf/instructions.tsv; fails if a kernel grew by more than 5 %
#   perf/instructions.sh --update   write the table; commit it with the change that caused it
#
# Counts depend on the compiler and need a processor with AVX2. The build has all features, as that of the benches, and
# targets the baseline of the architecture; run-time dispatch works as usual, except for AVX-512. The kernels are an example,
# which has the system's malloc: valgrind does not know mimalloc.
set -eu
cd "$(dirname "$0")/.."
table=perf/instructions.tsv
rounds=200
batch=64

if ! command -v valgrind >/dev/null 2>&1; then
    echo "instructions: skipped, valgrind is not installed"
    exit 0
fi
unset RUSTFLAGS
cargo build --quiet --locked --profile fast --all-features --example kernels
kernels="${CARGO_TARGET_DIR:-target}/fast/examples/kernels"

count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$kernels" "$1" "$2" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

new=$(mktemp)
trap 'rm -f "$new"' EXIT
for kernel in $("$kernels"); do
    none=$(count "$kernel" 0)
    some=$(count "$kernel" $rounds)
    printf '%s\t%s\n' "$kernel" $(((some - none) / (rounds * batch))) >>"$new"
done

if [ "${1:-}" = --update ]; then
    { printf '# instructions an element; written by perf/instructions.sh --update\n'; cat "$new"; } >"$table"
    cat "$table"
    exit 0
fi
grep -v '^#' "$table" | awk -F '\t' -v OFS='\t' '
    NR == FNR { old[$1] = $2; next }
    FNR == 1 { print "kernel", "before", "now", "change" }
    !($1 in old) { print $1, "-", $2, "NEW: run with --update"; failed = 1; next }
    {
        change = old[$1] ? 100 * ($2 / old[$1] - 1) : 0
        verdict = change > 5 ? "  GREW" : ""
        printf "%s\t%d\t%d\t%+.1f %%%s\n", $1, old[$1], $2, change, verdict
        if (change > 5) failed = 1
    }
    END { exit failed }
' - "$new"
