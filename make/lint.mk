# `make lint`: each gate is a target of its own, so that they run side by side. The two analysers work file by
# file and leave a stamp, so that a second run looks only at what changed.

LINT := $(BUILD)/lint
LINT_H := $(wildcard lib/*.h lib/*/*.h charm/*.h services/*/*.h) .clang-tidy tests/lint/model.h
LINT_SRC := $(wildcard lib/*/*.c charm/*.c services/*/*.c hooks-src/*.c actions/*.c tools/*.c)
FORMAT_SRC = $(shell find $(wildcard lib charm services hooks-src actions tools tests) -name '*.[ch]' | sort)
LINT_CPPFLAGS := -D_GNU_SOURCE -Ilib -Iservices -I. -include lib/banned.h -DVERSION='"$(VERSION)"'
# What error_set() and its sisters return; not for the file that defines them.
lint_model = $(if $(filter lib/base/error.c,$(1)),,-include tests/lint/model.h)

# gcc 12 follows neither arrays of owned pointers (malloc-leak) nor pointers handed over as void **
# (use-of-uninitialized-value) rightly; LeakSanitizer and clang's analyser cover the two.
ANALYZER_FLAGS := -fanalyzer -Wno-analyzer-malloc-leak -Wno-analyzer-use-of-uninitialized-value
LINTS := lint-format lint-tidy lint-analyzer lint-cppcheck lint-shell lint-python lint-includes lint-size \
	lint-spell lint-packages lint-documents lint-charmcraft

.PHONY: lint format $(LINTS)
lint: ## every gate of the code's form: layout, analysers, sizes, arrows, spelling, charmcraft
	+$(Q)$(MAKE) --no-print-directory -k $(if $(findstring j,$(MAKEFLAGS)),,-j2) $(LINTS)
	@echo "lint: all gates passed"

format: ## lay out all C as .clang-format says
	$(Q)clang-format -i $(FORMAT_SRC)

lint-format:
	$(Q)clang-format --dry-run -Werror $(FORMAT_SRC)

$(LINT)/%.tidy: %.c $(LINT_H)
	@mkdir -p $(@D)
	$(call say,TIDY,$<)clang-tidy --quiet $< -- -std=gnu17 $(LINT_CPPFLAGS) $(call lint_model,$<) \
		>$@.log 2>&1 || { grep -v 'warnings\? generated\|warnings treated as errors' $@.log; exit 1; }
	@touch $@

lint-tidy: $(patsubst %.c,$(LINT)/%.tidy,$(LINT_SRC))
	$(Q)tests/lint/tidy-reasons

$(LINT)/%.analyzed: %.c $(LINT_H)
	@mkdir -p $(@D)
	$(call say,ANALYZE,$<)gcc -std=gnu17 -O1 -Werror $(LINT_CPPFLAGS) $(call lint_model,$<) $(ANALYZER_FLAGS) -c -o /dev/null $<
	@touch $@

lint-analyzer: $(patsubst %.c,$(LINT)/%.analyzed,$(filter-out tools/%,$(LINT_SRC)))

lint-cppcheck:
	@mkdir -p $(LINT)/cppcheck
	$(Q)cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
		--suppressions-list=tests/lint/cppcheck-suppressions --cppcheck-build-dir=$(LINT)/cppcheck \
		--include=lib/banned.h -D_GNU_SOURCE -DVERSION='""' -Ilib -Iservices -I. \
		$(wildcard lib charm services hooks-src actions) $(wildcard tools/*.c)

lint-shell:
	$(Q)tests/lint/shell

lint-python:
	$(Q)tests/lint/python

lint-includes:
	$(Q)tests/lint/includes

lint-size:
	$(Q)tests/lint/size

lint-spell:
	$(Q)tests/lint/spell

lint-packages:
	$(Q)tests/lint/packages

lint-documents:
	$(Q)tests/lint/documents
	$(Q)tests/lint/promises

lint-charmcraft: charm
	$(Q)tests/lint/charmcraft $(BUILD)
