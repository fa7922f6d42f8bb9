#!/usr/bin/env bash
# Applies to this host what `wagehood-engine doctor` asks for, until the next restart; `revert` restores the old values.
#
#   tune.sh apply [--cores LIST] [--dry-run]   set, printing each change as before → after
#   tune.sh revert [--dry-run]                 restore every value that apply has replaced
#   tune.sh show [--cores LIST]                print the current values and what apply would set; changes nothing
#
# LIST are the cores of the agents, such as 2-6 (the lines of [engine.cores]); without it only what concerns the whole
# host is set. Isolation from the scheduler needs kernel parameters and a restart: apply prints them.
#
# ROOT=DIR works on a copy of /proc and /sys below DIR and needs no root: for tests.
set -euo pipefail

ROOT=${ROOT:-}
SAVED=${SAVED:-$ROOT/var/lib/wagehood-engine/tune.saved}
CPU=/sys/devices/system/cpu
# Idle states that take longer to leave are switched off, µs.
EXIT_US_MAX=10

command=${1:-}
cores=
dry_run=
failures=0
changes=0

die() {
    printf 'tune.sh: %s\n' "$*" >&2
    exit 2
}

usage() {
    sed -n '2,12s/^# \{0,1\}//p' "$0"
}

read_file() { # PATH: its text, the choice in brackets where it is one of several; empty where it cannot be read
    local text
    text=$(cat "$ROOT$1" 2>/dev/null) || return 1
    if [[ $text == *\[*\]* ]]; then
        text=${text#*\[}
        text=${text%%\]*}
    fi
    printf '%s' "$text"
}

# Hexadecimal masks in groups of 32 bits are equal if they differ only in leading zeros.
same() {
    local a=$1 b=$2 mask='^[0-9a-fA-F]{1,8}(,[0-9a-fA-F]{8})*$'
    [[ $a == "$b" ]] && return 0
    [[ $a =~ $mask && $b =~ $mask ]] || return 1
    a=${a//,/} b=${b//,/}
    a=${a#"${a%%[!0]*}"} b=${b#"${b%%[!0]*}"}
    [[ ${a,,} == "${b,,}" ]]
}

write_file() { # PATH VALUE: whether it took it
    printf '%s\n' "$2" 2>/dev/null >"$ROOT$1" && same "$(read_file "$1")" "$2"
}

set_file() { # PATH VALUE WHY
    local path=$1 wanted=$2 why=$3 now
    [[ -e $ROOT$path ]] || return 0
    if ! now=$(read_file "$path"); then
        printf '  %s: cannot be read\n' "$path"
        return 0
    fi
    if same "$now" "$wanted"; then
        [[ $command == show ]] && printf '  %s: %s, as wanted\n' "$path" "$now"
        return 0
    fi
    changes=$((changes + 1))
    printf '  %s: %s → %s  (%s)\n' "$path" "$now" "$wanted" "$why"
    [[ -n $dry_run ]] && return 0
    if ! write_file "$path" "$wanted"; then
        printf '  %s: refused, left as it was\n' "$path" >&2
        failures=$((failures + 1))
        write_file "$path" "$now" || true
        return 0
    fi
    # The first value counts: applying twice must not save what apply itself has set.
    if ! cut -f1 "$SAVED" | grep -qxF -- "$path"; then
        printf '%s\t%s\t%s\n' "$path" "$now" "$wanted" >>"$SAVED"
    fi
}

expand() { # LIST: its numbers, one a line
    local part first last
    [[ $1 =~ ^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$ ]] || return 1
    for part in ${1//,/ }; do
        first=${part%-*} last=${part#*-}
        seq "$first" "$last"
    done
}

to_list() { # numbers, ascending, one a line: as the kernel prints them
    awk 'function put() { printf "%s%s", sep, (a == b ? a : a "-" b); sep = "," }
         NR == 1 { a = b = $1; next } $1 == b + 1 { b = $1; next } { put(); a = b = $1 } END { if (NR) put() }'
}

to_mask() { # numbers, one a line: hexadecimal, in groups of 32 bits
    local -a groups=()
    local core group out= i
    while read -r core; do
        group=$((core / 32))
        groups[group]=$((${groups[group]:-0} | 1 << core % 32))
    done
    for ((i = group_count - 1; i >= 0; i--)); do
        if [[ -z $out ]]; then
            printf -v out '%x' "${groups[i]:-0}"
        else
            printf -v out '%s,%08x' "$out" "${groups[i]:-0}"
        fi
    done
    printf '%s' "$out"
}

host_wide() {
    set_file /sys/kernel/mm/transparent_hugepage/enabled madvise 'no 2 MiB page faults, in Redis neither'
    set_file /proc/sys/vm/swappiness 1 'program memory is not swapped out for the file cache'
    set_file /proc/sys/kernel/numa_balancing 0 'pages are not unmapped to see who uses them'
    set_file /proc/sys/kernel/sched_rt_runtime_us -1 'real-time threads that spin are not stopped 50 ms a second'
}

per_core() {
    local core state latency
    for core in $(expand "$cores"); do
        set_file "$CPU/cpu$core/cpufreq/scaling_governor" performance 'the clock is high before the bar comes'
        for state in "$ROOT$CPU/cpu$core"/cpuidle/state*; do
            [[ -e $state/latency ]] || continue
            latency=$(cat "$state/latency")
            ((latency > EXIT_US_MAX)) || continue
            set_file "${state#"$ROOT"}/disable" 1 "takes $latency µs to leave"
        done
    done
}

interrupts() {
    local online others mask irq path now
    online=$(read_file "$CPU/online") || die "cannot read $CPU/online"
    group_count=$(($(expand "$online" | tail -n 1) / 32 + 1))
    others=$(comm -23 <(expand "$online" | sort) <(expand "$cores" | sort) | sort -n | to_list)
    [[ -n $others ]] || die "no core is left for everything else: --cores $cores of $online"
    mask=$(expand "$others" | to_mask)
    set_file /proc/irq/default_smp_affinity "$mask" 'interrupts of devices to come'
    for irq in "$ROOT"/proc/irq/[0-9]*; do
        path=${irq#"$ROOT"}/smp_affinity_list
        now=$(read_file "$path") || continue
        # Only interrupts that may reach these cores; the others keep the affinity that the user chose.
        [[ -n $(comm -12 <(expand "$now" | sort) <(expand "$cores" | sort)) ]] || continue
        set_file "$path" "$others" 'away from the agents'
    done
    set_file /sys/devices/virtual/workqueue/cpumask "$mask" 'unbound kernel workers away from the agents'
}

advice() {
    local isolated
    isolated=$(read_file "$CPU/isolated" || true)
    if [[ -n $cores && $isolated != "$cores" ]]; then
        printf 'still to do by hand, and to restart for:\n'
        printf '  kernel parameters isolcpus=%s nohz_full=%s rcu_nocbs=%s\n' "$cores" "$cores" "$cores"
    fi
    if [[ -e $ROOT/run/irqbalance || -e $ROOT/run/irqbalance.pid ]]; then
        printf 'irqbalance runs and will move the interrupts back: set IRQBALANCE_BANNED_CPULIST=%s and restart it\n' \
            "${cores:-LIST}"
    fi
    if [[ -n $cores && ! -d $ROOT$CPU/cpu${cores%%[-,]*}/cpuidle ]]; then
        printf 'no idle states to switch off here; a program that holds /dev/cpu_dma_latency open with 0 has the same effect\n'
    fi
}

apply() {
    [[ -z $cores ]] || expand "$cores" >/dev/null || die "--cores $cores: write a list such as 2-6 or 2,4,6"
    if [[ -z $dry_run ]]; then
        mkdir -p "$(dirname "$SAVED")"
        touch "$SAVED"
    fi
    host_wide
    if [[ -n $cores ]]; then
        per_core
        interrupts
    fi
    [[ $command == apply && -z $dry_run ]] && printf '%d changed, saved in %s\n' "$((changes - failures))" "$SAVED"
    [[ $command == apply && -n $dry_run ]] && printf '%d would change\n' "$changes"
    advice
    return 0
}

revert() {
    local path old new now left
    [[ -s $SAVED ]] || { printf 'nothing to revert: %s is empty or not there\n' "$SAVED"; return 0; }
    left=$(mktemp)
    # Last set, first restored.
    while IFS=$'\t' read -r path old new; do
        now=$(read_file "$path") || now='gone'
        printf '  %s: %s → %s' "$path" "$now" "$old"
        same "$now" "$new" || printf '  (somebody has changed it since from %s)' "$new"
        printf '\n'
        [[ -n $dry_run ]] && continue
        if ! write_file "$path" "$old"; then
            printf '  %s: refused\n' "$path" >&2
            failures=$((failures + 1))
            printf '%s\t%s\t%s\n' "$path" "$old" "$new" >>"$left"
        fi
    done < <(tac "$SAVED")
    if [[ -z $dry_run ]]; then
        tac "$left" >"$SAVED"
        [[ -s $SAVED ]] || rm -f "$SAVED"
    fi
    rm -f "$left"
}

[[ $# -gt 0 ]] && shift
while [[ $# -gt 0 ]]; do
    case $1 in
        --cores) cores=${2:?--cores needs a list} && shift ;;
        --dry-run) dry_run=yes ;;
        *) die "unknown argument $1" ;;
    esac
    shift
done

needs_root() {
    [[ -n $dry_run || -n $ROOT || $(id -u) == 0 ]] || die "$command changes the system and needs root; try --dry-run"
}

case $command in
    apply) needs_root && apply ;;
    revert) needs_root && revert ;;
    show) dry_run=yes && apply ;;
    -h | --help | help) usage ;;
    *) usage >&2 && exit 2 ;;
esac
((failures == 0)) || die "$failures could not be set"
