#!/bin/sh
# packages.sh NAME...: see to it that these commands exist, from the Debian packages of the same names.
# Without root, or where apt-get fails, it says in one loud sentence what will be skipped, and does not fail.
set -u
missing=""
for name in "$@"; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "$name" >/dev/null 2>&1 || missing="$missing $name"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "SKIPPED: what needs$missing is left out, because installing packages takes root on Debian: apt-get install$missing" >&2
    exit 0
fi
echo "installing$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # one word a package
apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 ||
    { apt-get update -qq >/dev/null 2>&1 && apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1; } ||
    echo "SKIPPED: what needs$missing is left out, because apt-get could not install it." >&2
exit 0
