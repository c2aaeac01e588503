# `make demo` and `make test` are all that a newcomer types: both install what is missing.

CACHE := $(or $(XDG_CACHE_HOME),$(if $(HOME),$(HOME)/.cache,/var/tmp))/kokanee
VENV := $(CACHE)/venv
DIR ?= /usr/include
JOBS ?= 1000000
HISTORIES ?= 100000
SECONDS ?= 60
MINUTES ?= 10
# The one of Debian 13.
LIBRDKAFKA ?= 2.8.0

# One set of flags for all debug builds, so that no target rebuilds what another has built.
SWIFT_FLAGS := -Xswiftc -warnings-as-errors
BUILD := swift build $(SWIFT_FLAGS)
RUN_TESTS = Tests/run.sh "$$($(BUILD) --show-bin-path)/kokaneePackageTests.xctest" $(if $(FILTER),--filter '$(FILTER)')

# The broker and the Python that Tests/TestSupport starts.
export KOKANEE_NOIDA_DB ?= $(VENV)/bin/noida-db
export KOKANEE_ORACLE_PYTHON ?= $(VENV)/bin/python

# Set-up comes first, and SwiftPM builds one thing at a time.
.NOTPARALLEL:

.PHONY: help demo demo-replay test test-integration test-librdkafka test-tsan test-asan build-ahead lint format docs bench bench-json bench-memory clean build-instructions setup-build setup-test simulate mutants fuzz bench-hostile bench-instructions bench-peers chaos setup-peers

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup-build ## jobs that run, fail, climb, die, are mended and run again; DIR=/usr/include
	$(BUILD) --product kokanee
	$(BUILD) --product kokanee-demo
	.build/debug/kokanee-demo "$(DIR)"

demo-replay: setup-build ## a release with a bug, found, rehearsed, run again and proved right, while live work goes on
	$(BUILD) --product kokanee
	$(BUILD) --product kokanee-demo
	.build/debug/kokanee-demo --replay

test: setup-test lint ## builds without warnings, and runs all tests; FILTER='^KokaneeTests\.' for some
	$(BUILD) --build-tests
	$(RUN_TESTS)

test-integration: setup-test ## only the tests with brokers and processes; KOKANEE_TEST_BROKER=embedded or KOKANEE_TEST_BOOTSTRAP=HOST:PORT
	$(BUILD) --build-tests
	swift test --skip-build --disable-xctest --no-parallel $(SWIFT_FLAGS) --filter '^KokaneeIntegrationTests\.'

test-librdkafka: setup-test ## the tests with another librdkafka: LIBRDKAFKA=2.8.0; FILTER='^KokaneeTests\.'
	@Tests/setup.sh librdkafka "$(VENV)" "$(CACHE)/librdkafka/$(LIBRDKAFKA)" "$(LIBRDKAFKA)"
	$(BUILD) --build-tests
	LD_LIBRARY_PATH="$(CACHE)/librdkafka/$(LIBRDKAFKA)" $(RUN_TESTS)

test-tsan: setup-test ## the tests under ThreadSanitizer; FILTER='^KokaneeTests\.'
	Tests/Sanitizers/run.sh thread $(if $(FILTER),--filter '$(FILTER)')

test-asan: setup-test ## the tests under AddressSanitizer, with leaks; FILTER='^KokaneeTests\.'
	Tests/Sanitizers/run.sh address $(if $(FILTER),--filter '$(FILTER)')

build-ahead: setup-test ## what test-tsan, test-asan and bench-instructions would have to build
	Tests/Sanitizers/run.sh thread build
	Tests/Sanitizers/run.sh address build
	$(MAKE) build-instructions

simulate: setup-build ## a whole queue through HISTORIES=100000 from SEED=1 on; SEED=N HISTORIES=1 replays one exactly
	Tests/simulate.sh $(or $(SEED),1) $(HISTORIES)

mutants: setup-test ## breaks each guarantee on purpose, and shows what notices; MUTANTS='NAME NAME' for some
	Tests/mutants.sh $(MUTANTS)

chaos: setup-test ## workers are killed, frozen and deployed, brokers fail: MINUTES=10, SEED=… for the same again; KOKANEE_TEST_BOOTSTRAP
	$(BUILD) --build-tests
	KOKANEE_CHAOS_MINUTES=$(MINUTES) $(if $(SEED),KOKANEE_CHAOS_SEED=$(SEED)) KOKANEE_CHAOS_KEEP="$(abspath .build)" \
		swift test --skip-build --disable-xctest --no-parallel $(SWIFT_FLAGS) --filter '^KokaneeIntegrationTests\.ChaosTests/long'

lint: ## checks the style, and that every mutant still applies
	swift format lint --strict --recursive --parallel Package.swift Sources Tests
	@for mutant in Tests/Mutants/*.patch; do \
		patch -p1 --dry-run --silent <$$mutant >/dev/null || { echo "$$mutant does not apply any more" >&2; exit 1; }; \
	done

format: ## mends the style
	swift format --in-place --recursive --parallel Package.swift Sources Tests

docs: setup-build ## the API's reference, as a site in .build/docs
	docs/build.sh .build/docs

fuzz: setup-build ## throws what it can think of at the decoders; SECONDS=60 for each, TARGET=json for one
	KOKANEE_FUZZ=1 swift build -c release -Xswiftc -enable-testing --sanitize=fuzzer --scratch-path .build/fuzz \
		--product kokanee-fuzz
	Tests/Fuzz/fuzz.sh "$(SECONDS)" $(TARGET)

bench: setup-build ## every target beside bare librdkafka, most of an hour; ROWS='enqueue,work*' ROUNDS=3, or QUICK=1
	swift build -c release --product kokanee
	.build/release/kokanee bench $(if $(ROWS),--rows '$(ROWS)') $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(QUICK),--quick)

bench-json: setup-build ## JSON payloads decoded and encoded, by Foundation and by Kokanee
	swift build -c release --product kokanee-json-bench
	.build/release/kokanee-json-bench

bench-memory: setup-build ## a worker's memory on a backlog of small jobs; JOBS=1000000
	swift build -c release --product kokanee
	swift build -c release --product kokanee-noop-worker
	Tests/Benchmarks/backlog-memory.sh "$(JOBS)"

bench-hostile: setup-test ## a worker's speed and memory on records that are no jobs, against ones that are; JOBS=1000000
	swift build -c release --product kokanee
	swift build -c release --product kokanee-noop-worker
	Tests/Benchmarks/hostile.sh "$(JOBS)" "$(VENV)/bin/python"

bench-instructions: setup-test build-instructions ## what a job costs in instructions, against Tests/Benchmarks/instructions.budget; RECORD=1 writes that
	Tests/Benchmarks/instructions.sh $(if $(RECORD),record)

bench-peers: setup-peers ## Kokanee beside Sidekiq, Celery, RQ and others: PEERS=sidekiq,rq WORK=noop|sleep100us|sleep1ms RUNS=3 JOBS=… LATENCY=500
	swift build -c release --product kokanee
	swift build -c release --product kokanee-peer
	PYTHONDONTWRITEBYTECODE=1 PEERS_HOME="$(CACHE)/peers" PEERS_BUILD="$(abspath .build/release)" \
		python3 Tests/Benchmarks/Peers/peers.py --csv .build/peers.csv --runs $(or $(RUNS),3) --work $(or $(WORK),noop) \
		$(if $(PEERS),--peers $(PEERS)) $(if $(LATENCY),--latency $(LATENCY)) \
		$(if $(filter file,$(origin JOBS)),,--jobs $(JOBS))

clean: ## removes what was built
	rm -rf .build

build-instructions: setup-build
	swift build -c release --product kokanee
	swift build -c release --product kokanee-instructions

setup-build:
	@Tests/setup.sh build

setup-peers:
	@Tests/setup.sh peers "$(CACHE)/peers"

setup-test:
	@Tests/setup.sh test "$(VENV)"
