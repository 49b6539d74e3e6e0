# What is in the charm: `make install DESTDIR=DIR` lays it out, `make charm` packs it.

CHARM ?= $(BUILD)/autopkgtest-cloud.charm
# Only what is there: a checkout without pictures still packs.
CHARM_FILES = $(wildcard metadata.yaml config.yaml actions.yaml icon.svg LICENSE README.md)
CHARM_TREES = templates static
SCRIPTS = services/image/autopkgtest-image services/image/autopkgtest-image-install \
          services/image/autopkgtest-image-disk services/image/autopkgtest-image-lxd-agent services/image/autopkgtest-image-lxd-disk \
          services/image/autopkgtest-image-disk.sh services/image/autopkgtest-lxd-image services/lists/autopkgtest-lists

.PHONY: install charm
install: all ## the tree of the charm, below DESTDIR
	@test -n "$(DESTDIR)" || { echo "make install needs DESTDIR=" >&2; exit 1; }
	$(Q)install -d "$(DESTDIR)/hooks" "$(DESTDIR)/actions" "$(DESTDIR)/lib" "$(DESTDIR)/bin"
	$(Q)install -m 0755 $(HOOKS) "$(DESTDIR)/hooks"
	$(Q)install -m 0644 $(CHARM_LIB) "$(DESTDIR)/lib"
	$(Q)$(if $(ACTIONS),install -m 0755 $(ACTIONS) "$(DESTDIR)/actions",true)
	$(Q)$(if $(PROGRAMS),install -m 0755 $(PROGRAMS) "$(DESTDIR)/bin",true)
	$(Q)find "$(DESTDIR)/hooks" "$(DESTDIR)/actions" "$(DESTDIR)/lib" "$(DESTDIR)/bin" -type f -exec strip --strip-unneeded {} +
	$(Q)install -m 0644 $(CHARM_FILES) VERSION "$(DESTDIR)"
	$(Q)mv "$(DESTDIR)/VERSION" "$(DESTDIR)/version"
	$(Q)for tree in $(CHARM_TREES); do \
		find $$tree -type f -exec install -D -m 0644 {} "$(DESTDIR)/{}" \; || exit 1; done
	$(Q)install -D -m 0644 monitoring/alerts.yaml "$(DESTDIR)/monitoring/alerts.yaml"
	$(Q)tools/encode-dashboard autopkgtest-cloud monitoring/dashboard.json >"$(DESTDIR)/monitoring/dashboard.b64"
	$(Q)tools/runtime-packages "$(DESTDIR)/bin" "$(DESTDIR)"
	$(Q)install -m 0755 $(SCRIPTS) "$(DESTDIR)/bin"

charm: ## the .charm archive, in CHARM=
	$(Q)rm -rf $(BUILD)/charm
	+$(Q)$(MAKE) --no-print-directory install DESTDIR=$(BUILD)/charm
	$(Q)tools/pack-charm $(BUILD)/charm $(CHARM)
	$(Q)cat $(BUILD)/charm/packages.* >$(BUILD)/packages
