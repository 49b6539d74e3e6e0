# What people type; docs/reference/make.md explains it. The rules that build things are in the Makefile, what
# goes into the charm in make/install.mk, the gates in make/lint.mk.

export BUILD
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help deps lock fresh unit coverage integration machine machine-killed-hooks machine-lxd machine-qemu chaos browser tools-test juju-tools fuzz fuzz-programs bench \
	check demo demo-down clean
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' make/targets.mk make/install.mk make/lint.mk

deps: ## install what is needed to build, test, check and demonstrate (root, Debian 12)
	$(Q)make/deps
	$(Q)make/environment browser charmcraft openapi >/dev/null || echo "deps: what needs it will be skipped"

lock: ## pin anew what comes from PyPI, by make/environments/*.in
	$(Q)make/lock

# ---------------------------------------------------------------- tests, one target a layer
unit: ## unit tests and fuzz replay under ASan and UBSan; ONLY=part of a path runs some
	+$(Q)$(MAKE) --no-print-directory SANITIZE=1 BUILD=$(BUILD)/san unit-programs
	@find $(BUILD)/san -name '*.gcda' -delete
	$(Q)tests/run-unit $(BUILD)/san $(ONLY)

COVERAGE_MIN := 90
coverage: ## lines of lib/ and charm/ that the last `make unit` ran: build/coverage/index.html
	@mkdir -p $(BUILD)/coverage
	$(Q)gcovr -j 2 --root . --object-directory $(BUILD)/san/obj --filter 'lib/' --filter 'charm/' \
		--exclude-unreachable-branches --gcov-ignore-parse-errors --print-summary \
		--txt $(BUILD)/coverage/coverage.txt --html-details $(BUILD)/coverage/index.html \
		--html-title 'autopkgtest-cloud: unit tests' --fail-under-line $(COVERAGE_MIN) $(BUILD)/san/obj
	@echo "coverage: over $(COVERAGE_MIN) % of lib/ and charm/, see $(BUILD)/coverage/index.html"

tools-test: all ## tests of the developers' tools (tests/tools)
	$(Q)tests/run-layer --jobs 2 --first test_charm_archive.py $(if $(ONLY),--only $(ONLY)) tools

juju-tools: all charm ## compare juju-local with Juju's own agent (Go; not part of check); RECORD=file judges a record
	$(Q)tests/juju-tools/compare $(RECORD)

# What they need is there before: suites that run side by side must not build it at once.
INTEGRATION_BENCHES := $(addprefix $(BUILD)/tests/bench/,fill_results flood_bench)
INTEGRATION_NET := $(addprefix $(BUILD)/san/tests/integration/net/,amqp_test durable_queue_test swift_test)
# The longest first, and what computes beside what waits.
LONGEST := backends/test-lxd worker/test-losses brokers/run worker/test-requests backends/test-testbeds store/run rebuild/run worker/test-cluster
integration: all $(INTEGRATION_BENCHES) ## programs against real neighbours, such as a broker (tests/integration)
	+$(Q)$(MAKE) --no-print-directory -s SANITIZE=1 BUILD=$(BUILD)/san $(INTEGRATION_NET)
	$(Q)tests/run-layer --jobs 4 $(addprefix --first ,$(LONGEST)) $(if $(ONLY),--only $(ONLY)) integration

LONGEST_MACHINES := run test-images test-unshare test-lxd test-workers test-website test-killed-hooks
machine: charm ## the packed charm on real machines of juju-local (tests/machine; root)
	$(Q)tests/run-layer --jobs 2 $(LONGEST_MACHINES:%=--first %) $(if $(ONLY),--only $(ONLY)) machine

machine-killed-hooks: charm ## every hook killed at each of its calls and run again, 5 minutes on a quiet machine (root)
	$(Q)BUILD=$(BUILD) KILLED_HOOKS_POINTS=0 tests/machine/test-killed-hooks

machine-lxd: charm ## images on an LXD host while everything is killed, 10 minutes (root)
	$(Q)BUILD=$(BUILD) tests/machine/images-on-hosts

machine-qemu: charm ## a virtual machine of the unit from its image to a result, 7 minutes where it is emulated (root)
	$(Q)BUILD=$(BUILD) tests/machine/virtual-machines

chaos: all ## 200 requests while everything fails at random: nothing lost, nothing doubled; CHAOS_SEED= replays
	$(Q)tests/integration/worker/chaos-suite

browser: all ## the pages in Chromium (tests/browser)
	$(Q)tests/run-layer $(if $(ONLY),--only $(ONLY)) browser

CHECKS := unit coverage tools-test integration machine browser
check: ## install what is needed (not with NO_DEPS=1), build, run every layer of tests, add up
	$(if $(filter 1,$(NO_DEPS)),,+$(Q)$(MAKE) --no-print-directory deps)
	+$(Q)$(MAKE) --no-print-directory all
	+$(Q)tests/run-check $(CHECKS)

fresh: ## prove make/packages.txt: deps, build and unit tests in a new machine with only git and make (root)
	$(Q)tests/fresh

# ---------------------------------------------------------------- fuzzing
FUZZ_SECONDS ?= 60
FUZZERS := $(patsubst tests/fuzz/%_fuzz.c,$(BUILD)/fuzzers/%,$(FUZZ_SRC))
fuzz: ## every parser under libFuzzer for FUZZ_SECONDS (60) each; ONLY=name runs one
	+$(Q)CFLAGS='-fsanitize=fuzzer-no-link' $(MAKE) --no-print-directory CC=clang SANITIZE=1 \
		BUILD=$(BUILD)/fuzz fuzz-programs
	$(Q)tests/run-fuzz $(BUILD)/fuzz/fuzzers $(FUZZ_SECONDS) $(ONLY)

fuzz-programs: $(FUZZERS)
$(BUILD)/fuzzers/%: $(BUILD)/obj/tests/fuzz/%_fuzz.o $(FUZZ_HELP) \
		$(foreach s,$(SERVICES),$(call room,$(s))) $(SERVICE_ROOMS)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(CFLAGS) $(LDFLAGS) -pie -fsanitize=fuzzer -o $@ $^ $(LIBS_all)

# ---------------------------------------------------------------- the rest
bench: all $(BENCHES) ## measure, print a table, write build/bench.json; BENCH=hook, cli, worker, indexer, web
	$(Q)tests/bench/run $(BENCH)

demo: ## the whole system on two machines of this host, one real test from request to page (root)
	+$(Q)$(MAKE) --no-print-directory deps
	+$(Q)$(MAKE) --no-print-directory charm
	$(Q)tools/demo up

demo-down: ## take the demo away
	$(Q)tools/demo down

clean: ## everything that was built
	rm -rf $(BUILD)

include make/lint.mk
