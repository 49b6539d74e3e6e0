# What people type. The rules that build things are in the Makefile.

.PHONY: help unit clean
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' make/targets.mk

unit: ## unit tests and fuzz replay under ASan and UBSan; ONLY=part of a path runs some
	+$(Q)$(MAKE) --no-print-directory SANITIZE=1 BUILD=$(BUILD)/san unit-programs
	$(Q)tests/run-unit $(BUILD)/san $(ONLY)

clean: ## everything that was built
	rm -rf $(BUILD)
