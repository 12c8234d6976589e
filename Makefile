# The few commands of this project. `make demo` and `make test` work on a machine that has only Rust.

# rustup installs here and changes only the shells started afterwards.
export PATH := $(PATH):$(HOME)/.cargo/bin

CARGO := cargo
# Peers and tools load the library too, which else tells its maker of it.
export ORT_DISABLE_TELEMETRY := 1
# Recorded with every decision, beside the package's version.
export CLAIMLENS_COMMIT := $(shell git describe --always --dirty --exclude '*' --abbrev=12 2>/dev/null)
# Where `make serve` listens and keeps its records.
LISTEN ?= 127.0.0.1:8080
DATA ?= ./data
# What `make eval` measures on, and what else it is told (EVAL_ARGS="--report eval.html --errors").
DIR ?= samples
EVAL_ARGS ?=

# What `make bench-peers` and `make bench-load` read; samples if empty.
PICTURES ?=
LOAD_ARGS ?=
# A folder of broken pictures for `make http-trials`, besides those that it makes.
CORPUS ?=

.PHONY: help build setup demo test test-workbench screenshots lint serve bench flame bench-peers bench-load faults http-trials fuzz golden eval clean-data

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: ## install what is missing; does nothing when nothing is
	@./scripts/setup.sh

build: setup ## build target/release/claimlens
	$(CARGO) build --release --locked

demo: build ## run the samples through the service, show every decision, verify and replay the log
	@./scripts/demo.sh

lint: setup ## formatting and lints
	$(CARGO) fmt --check
	$(CARGO) clippy --release --locked --all-targets -- -D warnings

test: lint ## formatting, lints, every test
	$(CARGO) test --release --locked
	./scripts/workbench.sh test

test-workbench: build ## check the workbench's pages: types, units, and in a real browser
	./scripts/workbench.sh test

screenshots: build ## take the workbench's pictures for README.md into samples/docs
	./scripts/workbench.sh screenshots

serve: build ## run the service
	target/release/claimlens serve --listen $(LISTEN) --data $(DATA)

bench: setup ## measure the stages and a whole photo, one line each: the mean and how far it strays
	@# The environment is what the program gives itself: see src/main.rs.
	@OMP_THREAD_LIMIT=1 MALLOC_ARENA_MAX=1 $(CARGO) bench --locked --bench stages --bench verify -- --output-format bencher >target/bench.txt
	@awk '/ns\/iter/ { gsub(",", ""); printf "%-44s %12.3f ms  ± %.3f\n", $$2, $$5 / 1e6, substr($$8, 1, length($$8) - 1) / 1e6 }' target/bench.txt

flame: build ## draw where the time of the samples goes into target/flame.svg; needs perf (Debian: linux-perf)
	./scripts/bench/flame.sh

bench-peers: build ## read PICTURES with claimlens and with other open engines, side by side (fetches them)
	./scripts/bench/peers.sh $(PICTURES)

bench-load: build ## put the service under load with one client and with eight (LOAD_ARGS="--count 100 --soak 2000")
	PYTHONDONTWRITEBYTECODE=1 python3 scripts/bench/load.py $(LOAD_ARGS) $(or $(PICTURES),$(wildcard samples/*/photo.jpg))

faults: build ## tamper with records, break and kill the service, cut the power, fill the disk; takes hours
	CLAIMLENS_TAMPERINGS=10000 $(CARGO) test --release --locked --test it tamper -- --nocapture
	$(CARGO) test --release --locked --lib a_million_entries -- --ignored --nocapture
	PYTHONDONTWRITEBYTECODE=1 python3 scripts/faults/crash.py
	PYTHONDONTWRITEBYTECODE=1 python3 scripts/faults/kill.py
	PYTHONDONTWRITEBYTECODE=1 python3 scripts/faults/power.py
	PYTHONDONTWRITEBYTECODE=1 python3 scripts/faults/full.py
	PYTHONDONTWRITEBYTECODE=1 python3 scripts/faults/postgres.py

fuzz: setup ## feed what reads strangers' bytes with made-up ones, each target for MINUTES (10)
	./scripts/fuzz.sh $(or $(MINUTES),10)
http-trials: build ## try the service over HTTP: its own document, load, slow and broken senders, restarts; takes an hour and a quarter
	PYTHONDONTWRITEBYTECODE=1 python3 scripts/trials/schema.py
	PYTHONDONTWRITEBYTECODE=1 python3 scripts/trials/hostile.py $(CORPUS)
	PYTHONDONTWRITEBYTECODE=1 python3 scripts/trials/repeats.py
	PYTHONDONTWRITEBYTECODE=1 python3 scripts/trials/keys.py
	PYTHONDONTWRITEBYTECODE=1 python3 scripts/trials/rolling.py
	PYTHONDONTWRITEBYTECODE=1 python3 scripts/trials/hooks.py
	PYTHONDONTWRITEBYTECODE=1 python3 scripts/trials/slow.py
	PYTHONDONTWRITEBYTECODE=1 python3 scripts/trials/pages.py
	PYTHONDONTWRITEBYTECODE=1 python3 scripts/trials/load.py

golden: build ## read the samples anew into tests/fixtures/golden; git diff tells what is read or decided otherwise
	rm -rf tests/fixtures/golden
	target/release/claimlens verify samples --now 2026-06-01T00:00:00Z --records tests/fixtures/golden >/dev/null

eval: build ## measure reading and deciding on the labelled photos under DIR (default: samples)
	target/release/claimlens eval $(DIR) $(EVAL_ARGS)

clean-data: ## delete the records that `make demo` and `make serve` left in ./data
	rm -rf ./data
