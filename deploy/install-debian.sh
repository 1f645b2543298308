#!/usr/bin/env bash
# Installs from Debian (or Ubuntu) what is no Python package: Prometheus and Alertmanager, which the demo starts itself;
# with the argument `tests` also what only tests use. The services that the packages bring are neither started nor
# enabled.
#
#     deploy/install-debian.sh [tests]
#
# Does nothing where the commands are already there, whoever installed them. Otherwise it needs root, or sudo without
# a password; it never asks for one. Exit codes: 0 all there, 1 something is missing and was not installed, 2 wrong usage.
set -euo pipefail

# package: the commands that it brings (a|b: either name serves; upstream's archives say `alertmanager`)
WANTED=(
    "prometheus: prometheus promtool"
    "prometheus-alertmanager: prometheus-alertmanager|alertmanager amtool"
)
ONLY_TESTS=(
    "chromium: chromium"               # opens the pages that are made
    "default-jre-headless: java"       # runs Spark
    "postgresql: pg_ctlcluster"        # holds label ledgers; tests make clusters of their own
)
SERVICES=" prometheus prometheus-alertmanager postgresql " # the packages that bring one
# The variables are for tests.
POLICY=${POLICY_RC_D:-/usr/sbin/policy-rc.d}
SYSTEMD=${SYSTEMD_RUNS:-/run/systemd/system}
PATH="$PATH:/usr/sbin:/sbin"

fail() { printf '%s\n' "$@" >&2; exit 1; }

case "$*" in
    "") ;;
    tests) WANTED+=("${ONLY_TESTS[@]}") ;;
    *) printf '%s\n' "Unknown: $*. Usage: $0 [tests]" >&2; exit 2 ;;
esac

has_any() { # has_any 'a|b': is one of these commands there?
    local name
    for name in ${1//|/ }; do
        command -v "$name" > /dev/null && return 0
    done
    return 1
}

# Fills `missing` with the packages of which a command is missing, `services` with those of them that bring one, and
# `commands` with their commands by upstream's names.
find_missing() {
    local entry names
    missing=() services=() commands=()
    for entry in "${WANTED[@]}"; do
        for names in ${entry#*:}; do
            if ! has_any "$names"; then
                missing+=("${entry%%:*}")
                [[ "$SERVICES" != *" ${entry%%:*} "* ]] || services+=("${entry%%:*}")
                for names in ${entry#*:}; do commands+=("${names##*|}"); done
                break
            fi
        done
    done
}

quietly() { # quietly command...: its output is shown only when it fails
    local output
    if ! output=$("$@" 2>&1); then
        fail "$output" "" "failed: $*"
    fi
}

find_missing
[ "${#missing[@]}" -gt 0 ] || exit 0

by_hand=(
    "Missing: ${missing[*]}. Install and run this again:"
    "    sudo apt-get update && sudo apt-get install --no-install-recommends ${missing[*]}"
)
if [ "${#services[@]}" -gt 0 ]; then
    by_hand+=(
        "The services that Debian then starts are not needed:"
        "    sudo systemctl disable --now ${services[*]}"
    )
fi

if ! command -v apt-get > /dev/null; then
    fail "Missing: the commands of ${missing[*]}, and this is no Debian system." \
        "Put these on PATH and run this again: ${commands[*]}" \
        "(Prometheus and Alertmanager: https://prometheus.io/download/)"
fi

if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo > /dev/null && sudo -n true 2> /dev/null; then
        exec sudo -n bash "$0" "$@"
    fi
    fail "${by_hand[@]}"
fi

echo "Installing ${missing[*]} from Debian..."

policy_is_ours=no
remove_policy() {
    if [ "$policy_is_ours" = yes ]; then
        rm -f "$POLICY"
    fi
}
trap remove_policy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# 101 is "action forbidden by policy" (see invoke-rc.d(8)). A policy that somebody else made stays as it is.
if [ ! -e "$POLICY" ]; then
    policy_is_ours=yes
    printf '#!/bin/sh\nexit 101\n' > "$POLICY"
    chmod 755 "$POLICY"
fi

export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
apt=(apt-get --quiet --yes -o DPkg::Lock::Timeout=120)
install=("${apt[@]}" install --no-install-recommends "${missing[@]}")

# Fresh images come without package lists, old ones with outdated lists: both fail here and are cured by an update.
if ! "${install[@]}" > /dev/null 2>&1; then
    quietly "${apt[@]}" update
    quietly "${install[@]}"
fi

# Where systemd runs, the packages have enabled their services for the next start of the machine.
if [ -d "$SYSTEMD" ] && [ "${#services[@]}" -gt 0 ]; then
    quietly systemctl disable --now "${services[@]}"
fi

find_missing
[ "${#missing[@]}" -eq 0 ] || fail "Still missing after the installation: the commands of ${missing[*]}."
