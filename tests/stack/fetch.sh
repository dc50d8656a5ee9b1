#!/usr/bin/env bash
# Fetches the real servers, once, into the build folder: `fetch.sh clickhouse` for `make run` and `make demo`, `fetch.sh all` for the tests,
# `fetch.sh valgrind` for what counts instructions.
#
# Kafka comes from Maven as jars, ClickHouse from npm as a library that is the real engine, Prometheus and Alertmanager from Debian.
# What was fetched must have the SHA-256 sums that are committed beside this script; a difference stops everything.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
stack=${DAYLIGHT_STACK:-$(cd "$here/../.." && pwd)/target/stack}
CLICKHOUSE_PACKAGE='@chdb/lib-linux-x64-gnu@26.7.3-stable.1'

say() { printf 'stack: %s\n' "$*"; }

# need COMMAND PACKAGE: installs the Debian package where we may, else says the one command that does.
need() {
  command -v "$1" >/dev/null 2>&1 && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "$1 is missing: installing the package $2"
    [ -n "${apt_updated:-}" ] || apt-get update -qq
    apt_updated=yes
    # No service may start by itself: the tests start their own servers on ports of their own.
    DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$2" >/dev/null
  else
    say "$1 is missing. Install it with:  sudo apt-get install $2" >&2
    exit 1
  fi
}

check_sums() { # check_sums FOLDER LIST
  (cd "$1" && sha256sum --quiet --check "$here/$2") || { say "the files in $1 are not those that $2 names; delete the folder and try again" >&2; exit 1; }
  touch "$1/.complete"
}

fetch_clickhouse() {
  local folder=$stack/clickhouse
  if [ ! -f "$folder/.complete" ]; then
    need npm npm
    say 'fetching ClickHouse 26.7.3 (170 MB)'
    rm -rf "$folder" && mkdir -p "$folder"
    (cd "$folder" && npm pack --silent "$CLICKHOUSE_PACKAGE" >/dev/null && tar -xzf ./*.tgz --strip-components=1 package/libchdb.so && rm ./*.tgz)
    check_sums "$folder" clickhouse.sha256
  fi
  say "ClickHouse is in $folder"
}

fetch_kafka() {
  local folder=$stack/kafka
  need java openjdk-17-jre-headless
  if [ ! -f "$folder/.complete" ]; then
    need mvn maven
    say 'fetching Kafka 4.3.1 (44 MB)'
    rm -rf "$folder" && mkdir -p "$folder"
    mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$folder/libs" -DincludeScope=runtime
    check_sums "$folder" kafka.sha256
  fi
  say "Kafka is in $folder"
}

fetch_prometheus() {
  need prometheus prometheus
  need promtool prometheus
  need prometheus-alertmanager prometheus-alertmanager
  need amtool prometheus-alertmanager
  say "Prometheus is $(command -v prometheus), Alertmanager is $(command -v prometheus-alertmanager)"
}

fetch_buildah() {
  # Builds and runs the image without a daemon. Nothing that it recommends is needed for that.
  need buildah buildah
  say "buildah is $(command -v buildah)"
}

fetch_valgrind() {
  need valgrind valgrind
  say "valgrind is $(command -v valgrind)"
}

case ${1:-all} in
  clickhouse) fetch_clickhouse ;;
  all) fetch_clickhouse; fetch_kafka; fetch_prometheus; fetch_buildah ;;
  valgrind) fetch_valgrind ;;
  *) say "usage: fetch.sh [clickhouse|valgrind|all]" >&2; exit 2 ;;
esac
