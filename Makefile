# `make demo` and `make test` are all that a newcomer types: both install what is missing.

CACHE := $(or $(XDG_CACHE_HOME),$(if $(HOME),$(HOME)/.cache,/var/tmp))/kokanee
VENV := $(CACHE)/venv
DIR ?= /usr/include
JOBS ?= 1000000
MINUTES ?= 10

# One set of flags for all debug builds, so that no target rebuilds what another has built.
SWIFT_FLAGS := -Xswiftc -warnings-as-errors
BUILD := swift build $(SWIFT_FLAGS)

# The broker and the Python that Tests/TestSupport starts.
export KOKANEE_NOIDA_DB ?= $(VENV)/bin/noida-db
export KOKANEE_ORACLE_PYTHON ?= $(VENV)/bin/python

.PHONY: help demo test test-integration chaos lint format docs bench bench-memory clean setup-build setup-test

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup-build ## jobs that run, fail, climb, die, are mended and run again; DIR=/usr/include
	$(BUILD) --product kokanee
	$(BUILD) --product kokanee-demo
	.build/debug/kokanee-demo "$(DIR)"

test: setup-test lint ## builds without warnings, and runs all tests
	$(BUILD) --build-tests
	swift test --skip-build --disable-xctest --no-parallel $(SWIFT_FLAGS)

test-integration: setup-test ## only the tests with brokers and processes; KOKANEE_TEST_BOOTSTRAP=HOST:PORT for a Kafka of yours
	$(BUILD) --build-tests
	swift test --skip-build --disable-xctest --no-parallel $(SWIFT_FLAGS) --filter '^KokaneeIntegrationTests\.'

chaos: setup-test ## workers are killed, frozen and deployed, brokers fail: MINUTES=10, SEED=… for the same again; KOKANEE_TEST_BOOTSTRAP
	$(BUILD) --build-tests
	KOKANEE_CHAOS_MINUTES=$(MINUTES) $(if $(SEED),KOKANEE_CHAOS_SEED=$(SEED)) KOKANEE_CHAOS_KEEP="$(abspath .build)" \
		swift test --skip-build --disable-xctest --no-parallel $(SWIFT_FLAGS) --filter '^KokaneeIntegrationTests\.ChaosTests/long'

lint: ## checks the style
	swift format lint --strict --recursive --parallel Package.swift Sources Tests

format: ## mends the style
	swift format --in-place --recursive --parallel Package.swift Sources Tests

docs: setup-build ## the API's reference, as a site in .build/docs
	docs/build.sh .build/docs

bench: bench-memory ## all measurements

bench-memory: setup-build ## a worker's memory on a backlog of small jobs; JOBS=1000000
	swift build -c release --product kokanee
	swift build -c release --product kokanee-noop-worker
	Tests/Benchmarks/backlog-memory.sh "$(JOBS)"

clean: ## removes what was built
	rm -rf .build

setup-build:
	@Tests/setup.sh build

setup-test:
	@Tests/setup.sh test "$(VENV)"
