#!/usr/bin/env bash
# Lays out what the image holds: `root.sh BINARY CONTEXT [LIBCHDB]` fills the folder CONTEXT, which the Containerfile copies.
#
# The image is made from nothing. It holds the binary, the shared libraries that the binary names, the loader that finds them,
# certificates, and two lines of accounts: no shell, no package manager, nothing to patch but what is listed here. It is not linked
# statically, because the engine of ClickHouse is a shared library of glibc that is loaded at run time.
# With LIBCHDB (`make clickhouse` fetches it), the image can host ClickHouse itself and needs no other container.
set -euo pipefail

binary=$1
context=$2
libchdb=${3:-}
certificates=/etc/ssl/certs/ca-certificates.crt

fail() { printf 'root.sh: %s\n' "$*" >&2; exit 1; }
[ -x "$binary" ] || fail "there is no binary $binary; build it with:  cargo build --release -p daylight"
[ -z "$libchdb" ] || [ -f "$libchdb" ] || fail "there is no $libchdb; fetch it with:  make clickhouse"
command -v strip >/dev/null || fail 'strip is missing. Install it with:  sudo apt-get install binutils'
[ -f "$certificates" ] || fail "$certificates is missing. Install it with:  sudo apt-get install ca-certificates"

root=$context/root
rm -rf "$root" "$context/data"
mkdir -p "$root/usr/local/bin" "$root/etc/ssl/certs" "$context/data"

install -m 0755 "$binary" "$root/usr/local/bin/daylight"
# Line numbers are four fifths of the binary. The names of functions stay, so that a backtrace can still be read.
strip --strip-debug "$root/usr/local/bin/daylight"
programs=("$binary")
if [ -n "$libchdb" ]; then
  # Beside the binary is one of the places where it looks.
  install -m 0755 "$libchdb" "$root/usr/local/bin/libchdb.so"
  programs+=("$libchdb")
fi

# Each library goes where the loader of this machine found it, so that the loader in the image finds it too; the kernel's has no path.
libraries=$(for program in "${programs[@]}"; do ldd "$program"; done)
if grep 'not found' <<<"$libraries" >&2; then fail 'these libraries are missing on this machine'; fi
while read -r library; do
  install -D -m 0755 "$(readlink -f "$library")" "$root$library"
done < <(grep -oE '/[^ ]+' <<<"$libraries" | sort -u)

install -m 0644 "$certificates" "$root/etc/ssl/certs/ca-certificates.crt"
# 65532 is the number that distroless images call nonroot.
printf 'root:x:0:0:root:/:/nologin\ndaylight:x:65532:65532:daylight:/data:/nologin\n' >"$root/etc/passwd"
printf 'root:x:0:\ndaylight:x:65532:\n' >"$root/etc/group"
# Names are asked of the hosts file first, then of DNS.
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
# Nothing outside /data belongs to the account that runs, and nothing there is writable to it.
find "$root" -type d -exec chmod 0755 {} +
chmod 0644 "$root"/etc/passwd "$root"/etc/group "$root"/etc/nsswitch.conf
