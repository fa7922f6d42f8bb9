#!/bin/sh
# Stands in the place of rustc for the crates of this repository (`make fuzz-coverage`; cargo's RUSTC_WORKSPACE_WRAPPER):
# gives every edge of the program and of the checks a counter, which tests/fuzz/edges.rs reads. Stable Rust can do this;
# build scripts and the crates of others are left as they are.
set -eu
crate='' kind='' before=''
for arg; do
    case $before in
    --crate-name) crate=$arg ;;
    --crate-type) kind=$arg ;;
    esac
    before=$arg
done
case $crate in
fuzz | wagehood_engine) ;;
*) exec "$@" ;;
esac
set -- "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=3 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
# Cargo builds the program with every test. It has nobody who reads its counters: a function that does nothing takes them.
if [ "$kind" = bin ]; then
    set -- "$@" -Clink-arg=-Wl,--defsym=__sanitizer_cov_8bit_counters_init=_init
fi
exec "$@"
