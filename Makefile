# autopkgtest-cloud. `make help` lists the targets; docs/reference/make.md explains them.
#
# Rooms (docs/explanation/architecture.md): every folder of lib/, charm/ and every folder of services/
# becomes one static library; the link lines below give each program only the rooms it may know, so a
# wrong dependency fails to link. Files are found by their place: a new hooks-src/NAME.c becomes
# hooks/NAME, a new tests/unit/…/NAME_test.c is built and run, nothing is listed here.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

BUILD ?= build
DESTDIR ?=
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-8s %s\n' '$1' '$2';)

# ---------------------------------------------------------------- compiler
CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
OPT ?= -O2
WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wvla -Wwrite-strings -Wformat=2 -Werror
# -fPIC: the rooms go into the hooks' shared object and into programs alike.
HARDEN := -fstack-protector-strong -fstack-clash-protection -fPIC -fno-semantic-interposition
CPPFLAGS += -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Ilib -Iservices -I. -Itests/unit -include lib/banned.h -DVERSION='"$(VERSION)"'
CFLAGS += -std=gnu17 -g $(OPT) $(WARNINGS) $(HARDEN) -ffunction-sections -fdata-sections \
	-ffile-prefix-map=$(CURDIR)=.
LDFLAGS += -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--gc-sections -Wl,--build-id=sha1

# SANITIZE=1: what `make unit` builds, with ASan, UBSan and coverage counters.
SANITIZE ?= 0
ifeq ($(SANITIZE),1)
OPT := -O1
CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS += -fsanitize=address,undefined
ifneq ($(findstring clang,$(CC)),clang)
CFLAGS += --coverage -fprofile-update=atomic
LDFLAGS += --coverage
endif
else
CPPFLAGS += -D_FORTIFY_SOURCE=2
endif

VERSION := $(shell cat VERSION 2>/dev/null || echo 0)

# ---------------------------------------------------------------- libraries of others
LIBS_data := -ljansson -lyaml
LIBS_all := -ljansson -lyaml -lcurl -lrabbitmq -larchive -lz -lsqlite3 -lmicrohttpd -lsystemd -linih \
	-lpcre2-8 -lssl -lcrypto -lm
# Hooks start on a bare image, before any package can be installed: libc and nothing else at run time.
LIBS_hook := -Wl,-Bstatic -ljansson -lyaml -lpcre2-8 -Wl,-Bdynamic
LIBS_test := $(shell pkg-config --libs check 2>/dev/null || echo -lcheck)

# ---------------------------------------------------------------- rooms
obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
room = $(BUILD)/lib/lib$(1).a

LIB_ROOMS := base data net adt
SERVICES := $(notdir $(patsubst %/,%,$(wildcard services/*/)))
SERVICES := $(foreach s,$(SERVICES),$(if $(wildcard services/$(s)/main.c),$(s)))
ROOMS := $(LIB_ROOMS) charm $(SERVICES)

SRC_base := $(wildcard lib/base/*.c)
SRC_data := $(wildcard lib/data/*.c)
SRC_net := $(wildcard lib/net/*.c)
SRC_adt := $(wildcard lib/adt/*.c)
SRC_charm := $(wildcard charm/*.c)
$(foreach s,$(SERVICES),$(eval SRC_$(s) := $(filter-out services/$(s)/main.c,$(wildcard services/$(s)/*.c))))

# Which program a service's folder becomes.
PROGRAM_worker := autopkgtest-worker
PROGRAM_upload := autopkgtest-upload
PROGRAM_web := autopkgtest-web
PROGRAM_indexer := autopkgtest-indexer
PROGRAM_sources := autopkgtest-sources
PROGRAM_metrics := autopkgtest-metrics
PROGRAM_cli := autopkgtest-cloud
PROGRAM_nova-setup := autopkgtest-nova-setup

HOOKS := $(patsubst hooks-src/%.c,$(BUILD)/hooks/%,$(wildcard hooks-src/*.c))
ACTIONS := $(patsubst actions/%.c,$(BUILD)/actions/%,$(wildcard actions/*.c))
PROGRAMS := $(foreach s,$(SERVICES),$(BUILD)/bin/$(PROGRAM_$(s)))
TOOLS := $(patsubst tools/%.c,$(BUILD)/tools/%,$(wildcard tools/*.c)) \
	$(patsubst tools/jujuc/%.c,$(BUILD)/tools/%,$(wildcard tools/jujuc/*.c))

UNIT_SRC := $(shell find tests/unit -name '*_test.c' 2>/dev/null)
UNIT_TESTS := $(patsubst %.c,$(BUILD)/%,$(UNIT_SRC))
FUZZ_SRC := $(wildcard tests/fuzz/*_fuzz.c)
FUZZ_HELP := $(BUILD)/obj/tests/fuzz/answering.o $(BUILD)/obj/tests/fuzz/scratch.o
FUZZ_REPLAYS := $(patsubst tests/fuzz/%_fuzz.c,$(BUILD)/tests/fuzz/%_replay,$(FUZZ_SRC))
BENCH_SRC := $(wildcard tests/bench/*_bench.c)
BENCHES := $(patsubst %.c,$(BUILD)/%,$(BENCH_SRC))

.PHONY: all
all: $(HOOKS) $(ACTIONS) $(PROGRAMS) $(TOOLS)

# ---------------------------------------------------------------- compile and link
# A path of this tree as it is named from here and from anywhere: who builds with BUILD=/…, as tests do, and who builds
# without read each other's dependencies.
both_ways = $(sort $(patsubst $(CURDIR)/%,%,$(1)) $(abspath $(1)))

$(BUILD)/obj/%.o: %.c Makefile VERSION
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP $(foreach t,$(call both_ways,$@),-MT $t) -c -o $@ $<

define room_rule
$(call room,$(1)): $(call obj,$(SRC_$(1)))
	@mkdir -p $$(@D)
	$$(call say,AR,$$@)rm -f $$@; ar rcsD $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room_rule,$(r))))

# Hooks and actions have all they share in one object beside them: a few dozen copies of it would make the
# charm too big. It shows them charm/exports.map and nothing else. The distribution's libjansson.a is compiled for
# programs: the one thing in it that fits into no shared object is how it looks at stdin, to name it in messages.
# No hook reads that (Juju gives it none), so a variable of ours takes its place.
CHARM_LIB := $(BUILD)/lib/libautopkgtest-charm.so
$(CHARM_LIB): $(call room,charm) $(call room,data) $(call room,base) charm/exports.map
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,$(@F) -Wl,-z,defs \
		-Wl,--version-script=charm/exports.map -Wl,--defsym,stdin=charm_no_stdin -o $@ -Wl,--whole-archive $< -Wl,--no-whole-archive \
		$(filter-out $<,$(filter %.a,$^)) $(LIBS_hook)

$(HOOKS): $(BUILD)/hooks/%: $(BUILD)/obj/hooks-src/%.o $(CHARM_LIB)
$(ACTIONS): $(BUILD)/actions/%: $(BUILD)/obj/actions/%.o $(CHARM_LIB)
$(HOOKS) $(ACTIONS):
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(CFLAGS) $(LDFLAGS) -pie -Wl,-rpath,'$$ORIGIN/../lib' -o $@ $^

SERVICE_ROOMS := $(call room,adt) $(call room,net) $(call room,data) $(call room,base)
define service_rule
$(BUILD)/bin/$(PROGRAM_$(1)): $(BUILD)/obj/services/$(1)/main.o $(call room,$(1)) $(SERVICE_ROOMS)
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)$(CC) $(CFLAGS) $(LDFLAGS) -pie -o $$@ $$^ $(LIBS_all)
endef
$(foreach s,$(SERVICES),$(eval $(call service_rule,$(s))))

$(BUILD)/tools/%: $(BUILD)/obj/tools/%.o $(call room,data) $(call room,base)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(CFLAGS) $(LDFLAGS) -pie -o $@ $^ $(LIBS_data)

# The client of juju-local's hook tools: static, since it runs in machines that have nothing.
$(BUILD)/tools/%: tools/jujuc/%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) -std=gnu17 -O2 -D_GNU_SOURCE $(WARNINGS) -static -s -o $@ $<

# ---------------------------------------------------------------- unit tests and fuzz replay
# Calls of ours that tests/unit/fault.c can let fail.
FAULTS := malloc calloc realloc reallocarray strdup strndup vasprintf asprintf read write poll ppoll wait4 \
	open fstat fsync fchmod fchown chmod mkdir rename renameat symlink unlinkat mkostemp fdopendir \
	readdir getrandom pipe2 memfd_create fork clone dup2
$(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/obj/tests/unit/test_main.o \
		$(BUILD)/obj/tests/unit/fault.o \
		$(foreach s,$(SERVICES),$(call room,$(s))) $(call room,charm) $(SERVICE_ROOMS)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(CFLAGS) $(LDFLAGS) -pie $(FAULTS:%=-Wl,--wrap=%) -o $@ $(filter %.o,$^) \
		$(if $(findstring /services/,$@),$(call room,$(word 2,$(subst /, ,$(patsubst $(BUILD)/tests/unit/%,%,$@))))) \
		$(if $(findstring /unit/charm/,$@),$(call room,charm)) $(SERVICE_ROOMS) $(LIBS_all) $(LIBS_test)

$(BUILD)/tests/fuzz/%_replay: $(BUILD)/obj/tests/fuzz/%_fuzz.o $(BUILD)/obj/tests/fuzz/replay_main.o \
		$(FUZZ_HELP) \
		$(foreach s,$(SERVICES),$(call room,$(s))) $(SERVICE_ROOMS)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(CFLAGS) $(LDFLAGS) -pie -o $@ $^ $(LIBS_all)

# Tests against the real outside (a broker); their `run` scripts start that and then these.
$(BUILD)/tests/integration/%: $(BUILD)/obj/tests/integration/%.o $(BUILD)/obj/tests/unit/test_main.o \
		$(SERVICE_ROOMS)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(CFLAGS) $(LDFLAGS) -pie -o $@ $^ $(LIBS_all) $(LIBS_test)

$(BUILD)/tests/bench/%: $(BUILD)/obj/tests/bench/%.o $(SERVICE_ROOMS)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(CFLAGS) $(LDFLAGS) -pie -o $@ $^ $(LIBS_all)

.PHONY: unit-programs
unit-programs: $(UNIT_TESTS) $(FUZZ_REPLAYS)
.PRECIOUS: $(BUILD)/obj/%.o
.SECONDARY:

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

include make/targets.mk
include make/install.mk
