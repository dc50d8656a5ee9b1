# The commands of the README. Each says what is missing on the machine and installs it where it may.

SHELL := /bin/bash
.DEFAULT_GOAL := help
export DAYLIGHT_STACK ?= $(CURDIR)/target/stack
CARGO ?= cargo
IMAGE ?= daylight
BUILDER ?= buildah

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: toolchain
toolchain:
	@command -v $(CARGO) >/dev/null || { echo "Rust 1.95 or newer is missing. Install it with rustup: https://rustup.rs"; exit 1; }
	@command -v cc >/dev/null && command -v make >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -qq && apt-get install -y -qq gcc g++ make >/dev/null; \
	  else echo "A C compiler is missing. Install it with:  sudo apt-get install gcc g++ make"; exit 1; fi; }
	@pkg-config --exists openssl 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -qq && apt-get install -y -qq pkg-config libssl-dev >/dev/null; \
	  else echo "The headers of OpenSSL 3 are missing. Install them with:  sudo apt-get install pkg-config libssl-dev"; exit 1; fi; }

.PHONY: stack
stack: ## Fetch real Kafka, ClickHouse, Prometheus and Alertmanager for the tests (once)
	@tests/stack/fetch.sh all

.PHONY: clickhouse
clickhouse:
	@tests/stack/fetch.sh clickhouse

.PHONY: demo
demo: toolchain clickhouse ## Simulate a company and watch Daylight find what its people use
	$(CARGO) build --release --locked -p daylight
	target/release/daylight demo --out target/demo $(DEMO)

.PHONY: run
run: toolchain clickhouse ## Run everything in one process, with its log and ClickHouse on this machine
	$(CARGO) build --release --locked -p daylight
	target/release/daylight run $(RUN)

.PHONY: image
image: toolchain ## Build the container image (IMAGE_CLICKHOUSE=yes: with ClickHouse inside, for one machine)
	@command -v $(BUILDER) >/dev/null || { echo "$(BUILDER) is missing. Install it with:  sudo apt-get install buildah  (or name another: make image BUILDER=docker)"; exit 1; }
	$(if $(IMAGE_CLICKHOUSE),@tests/stack/fetch.sh clickhouse)
	$(CARGO) build --release --locked -p daylight
	deploy/container/root.sh target/release/daylight target/image $(if $(IMAGE_CLICKHOUSE),$(DAYLIGHT_STACK)/clickhouse/libchdb.so)
	$(BUILDER) build $(if $(filter buildah,$(BUILDER)),--isolation chroot) --file deploy/container/Containerfile --tag $(IMAGE) target/image

.PHONY: test
test: toolchain stack ## Run every test, on real servers
	$(CARGO) build --locked -p daylight
	$(CARGO) test --locked --workspace --no-fail-fast

.PHONY: bench
bench: toolchain stack ## Measure: cost of an event, beside controls and peers (CASE=sink, QUICK=1, EVENTS=, TURNS=, SEED=)
	$(CARGO) build --release --locked -p daylight -p bench
	target/release/bench

.PHONY: curves
curves: toolchain ## Draw the curves of target/bench.json into docs/performance
	$(CARGO) build --release --locked -p daylight -p bench
	target/release/bench draw

.PHONY: chaos
chaos: toolchain stack ## Kill, cut and lose by seed, then check that nothing is lost or doubled (SEED=… ENGINE=kafka|embedded)
	$(CARGO) build --release --locked -p daylight -p chaos
	target/release/chaos $(if $(SEED),--seed $(SEED)) $(if $(ENGINE),--engine $(ENGINE)) $(CHAOS)

.PHONY: instructions
instructions: toolchain ## Count the instructions of an event in each stage, beside the committed baseline (KEEP=yes: make it the baseline)
	@tests/stack/fetch.sh valgrind
	$(CARGO) build --release --locked -p daylight -p stages
	target/release/instructions $(if $(KEEP),keep)

.PHONY: mistaken
mistaken: toolchain
	$(CARGO) build --release --locked -p daylight --features mutations --target-dir target/mutations

.PHONY: protocol-cost
protocol-cost: mistaken stack ## Measure what plan and read-back cost the sink, in interleaved pairs (EVENTS=, TURNS=)
	$(CARGO) build --release --locked -p bench
	DAYLIGHT_TESTS_BINARY=$(CURDIR)/target/mutations/release/daylight target/release/bench protocol

.PHONY: chaos-selftest
chaos-selftest: mistaken stack ## Make one mistake after the other in Daylight, and see that make chaos finds each
	$(CARGO) build --release --locked -p chaos
	DAYLIGHT_TESTS_BINARY=$(CURDIR)/target/mutations/release/daylight target/release/chaos --selftest $(if $(SEED),--seed $(SEED)) $(CHAOS)

.PHONY: check
check: toolchain ## Format and lints, without a warning
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

.PHONY: deny
deny: toolchain ## Licences, bans and sources of what comes from outside (installs cargo-deny, which takes minutes)
	@command -v cargo-deny >/dev/null || $(CARGO) install --quiet --locked cargo-deny
	cargo-deny --locked check --hide-inclusion-graph licenses bans sources

.PHONY: fuzz
fuzz: toolchain ## Fuzz each target for SECONDS=30, or those named: make fuzz FUZZ="scrub plan"
	fuzz/run.sh $(or $(SECONDS),30) $(FUZZ)
