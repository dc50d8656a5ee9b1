#!/usr/bin/env bash
# Runs fuzz targets, each for so long: `run.sh SECONDS [TARGET…]`; all of them where none is named.
#
# What they find while they run goes to the build folder and makes the next run better; seeds are only read. A finding is a file under
# fuzz/artifacts, and the exit code is not 0.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

seconds=${1:-30}
shift || true
targets=("$@")
if [ ${#targets[@]} = 0 ]; then for file in fuzz_targets/*.rs; do targets+=("$(basename "$file" .rs)"); done; fi
build=$(cd .. && pwd)/target/fuzz
fixtures=../crates/ingest/tests/fixtures

say() { printf 'fuzz: %s\n' "$*"; }

cargo +nightly --version >/dev/null 2>&1 || { say 'nightly Rust is missing, and libFuzzer needs it. Install it with:  rustup toolchain install nightly' >&2; exit 1; }
command -v cargo-fuzz >/dev/null || { say 'cargo-fuzz is missing: installing it'; cargo install --quiet --locked cargo-fuzz; }

# What is fuzzed is what is shipped: the same versions of everything.
cp ../Cargo.lock Cargo.lock

failed=()
for target in "${targets[@]}"; do
  unset seeds
  case $target in
    delivery_okta) seeds=$fixtures/okta; options=(-dict=json.dict -max_len=65536) ;;
    delivery_product) seeds=($fixtures/{slack,github,auth0,onelogin,dropbox,salesforce}); options=(-dict=json.dict -max_len=65536) ;;
    delivery_entra) seeds=$fixtures/entra; options=(-dict=json.dict -max_len=65536) ;;
    delivery_google_workspace) seeds=$fixtures/google; options=(-dict=json.dict -max_len=65536) ;;
    delivery_m365_ual) seeds=$fixtures/ual; options=(-dict=json.dict -max_len=65536) ;;
    delivery_mapped) seeds=$fixtures/mapped; options=(-dict=json.dict -max_len=65536) ;;
    mapping) seeds=../deploy/config/mappings; options=(-max_len=8192) ;;
    scrub) seeds=seeds/scrub; options=(-dict=json.dict -max_len=65536) ;;
    *) seeds=seeds/$target; options=(-max_len=4096) ;;
  esac
  mkdir -p "$build/corpus/$target"
  # No address sanitizer: the code under test has no `unsafe`, and librdkafka, which is linked and not called, cannot be configured with it.
  # Ten seconds for one input is a hang, and 2 GB is more than any limit of ours allows.
  log=$build/$target.log
  cargo +nightly fuzz run --fuzz-dir . --sanitizer none --target-dir "$build" "$target" "$build/corpus/$target" "${seeds[@]}" -- \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 "${options[@]}" >"$log" 2>&1 || failed+=("$target")
  say "$target: $(grep -aoP 'number_of_executed_units: \K\d+' "$log" || echo no) executions, $(grep -aoP 'cov: \K\d+' "$log" | tail -1) edges covered, log in $log"
done
[ ${#failed[@]} = 0 ] || { say "findings in: ${failed[*]}; the inputs are in fuzz/artifacts, the words in the logs" >&2; exit 1; }
