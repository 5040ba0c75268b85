# What can be done with this repository; "make" alone lists it.

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -e -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

CARGO      ?= cargo
PREFIX     ?= /usr
SYSCONFDIR ?= /etc
# Where cargo-auditable is, the binary has the list of its crates in itself, for programs that look for known faults.
AUDITABLE  ?= $(shell $(CARGO) auditable -V > /dev/null 2>&1 && echo auditable)
DESTDIR    ?=
# What `make install` puts in place; built by `make build`.
BINARY     ?= target/release/weir
# Seconds for each fuzz target of `make acceptance`.
FUZZ_SECONDS ?= 600
# What `make bench` measures and how; docs/performance.md tells what each takes. Empty: as the program has it.
ROUNDS     ?=
SECONDS    ?=
THREADS    ?=
SESSIONS   ?=
PORTS      ?=
WORKLOADS  ?=
PROXIES    ?=
BINARIES   ?=
# A clone of RustSec's database, for `make advisories`.
DB ?= target/advisory-db
# Another binary than the one that is built here, and the profile that the load's own clients are built with.
WEIR       ?=
PROFILE    ?= bench
# Handed to `weir demo`, such as DEMO="--http-port 8888" or DEMO=--self-test.
DEMO ?=

UNITDIR = $(PREFIX)/lib/systemd/system
# Early in the order of names, so that whatever an operator sets holds.
SYSCTL = $(PREFIX)/lib/sysctl.d/30-weir.conf
BASHDIR = $(PREFIX)/share/bash-completion/completions
# Debian's zsh looks for what packages bring in the first, for what the machine's owner installed in the second.
ZSHDIR = $(if $(filter /usr,$(PREFIX)),/usr/share/zsh/vendor-completions,$(PREFIX)/share/zsh/site-functions)
FISHDIR = $(PREFIX)/share/fish/vendor_completions.d
# For other programs to read or to copy from: the schema for editors, Prometheus' rules with their tests, Grafana's dashboard.
SHAREDIR = $(PREFIX)/share/weir
CONTRIB = prometheus/weir.rules.yml prometheus/weir.rules.test.yml grafana/weir.json
DOCDIR = $(PREFIX)/share/doc/weir
MANDIR = $(PREFIX)/share/man
# Below man/ here, in a directory for each section there.
MAN = $(foreach page,$(sort $(notdir $(wildcard man/*.[158]))),man$(subst .,,$(suffix $(page)))/$(page))
# The pages of docs/ for whoever operates Weir; the others are for whoever changes it.
PAGES = README tasks symptoms alerts configuration operations dashboard metrics api from-nginx from-haproxy wso2 two-balancers performance standards
RECIPES = tomcat keycloak wso2-ei wso2-apim
INSTALLED = $(PREFIX)/bin/weir $(UNITDIR)/weir.service $(UNITDIR)/weir-again.service $(PREFIX)/lib/sysusers.d/weir.conf \
	$(PREFIX)/lib/tmpfiles.d/weir.conf $(SYSCTL) $(addprefix $(MANDIR)/,$(MAN)) $(SYSCONFDIR)/logrotate.d/weir \
	$(SHAREDIR)/weir.schema.json $(BASHDIR)/weir $(ZSHDIR)/_weir $(FISHDIR)/weir.fish $(addprefix $(SHAREDIR)/,$(CONTRIB)) \
	$(SYSCONFDIR)/needrestart/conf.d/weir.conf \
	$(PAGES:%=$(DOCDIR)/%.md) $(RECIPES:%=$(DOCDIR)/recipes/%.md) $(DOCDIR)/performance.svg $(DOCDIR)/CHANGELOG.md $(DOCDIR)/examples/weir.toml $(DOCDIR)/examples/minimal.toml $(DOCDIR)/examples/weir.socket $(DOCDIR)/examples/no-capability.conf

.PHONY: help build demo bench soak interleavings simulation generated advisories reproducible test lint cargo-test doc units staged acceptance deb rpm tarball install files uninstall clean

help: ## lists what there is
	@echo "Weir, a reverse-proxy load balancer. What make can do here:"
	@awk -F ' *:.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

build: ## builds target/release/weir, and installs by apt what that needs
	@.ci/need build
	@echo "== building target/release/weir$(if $(AUDITABLE),, without the list of its crates inside: cargo install --locked cargo-auditable brings what writes that)"
	@$(CARGO) $(AUDITABLE) build --release

demo: ## shows the whole cluster of the guide on this machine
	@.ci/need build
	@echo "== building target/demo/weir, unoptimised because that is quick"
	@$(CARGO) build --profile demo --no-default-features
	@target/demo/weir demo $(DEMO)

bench: ## side by side with nginx and HAProxy (ROUNDS, SECONDS, WORKLOADS, PROXIES, BINARIES=old=/path/weir)
	@.ci/need bench
	@$(CARGO) bench --quiet --profile $(PROFILE) --bench versus -- rounds=$(ROUNDS) seconds=$(SECONDS) threads=$(THREADS) \
		sessions=$(SESSIONS) ports=$(PORTS) workloads="$(WORKLOADS)" proxies="$(PROXIES)" binaries="$(BINARIES)" weir="$(WEIR)"

advisories: ## records what RustSec's database says of the crates in Cargo.lock; make test holds them against it (DB=a clone of it)
	@test -d "$(DB)" || { rm -rf $(DB); git clone --quiet --depth 1 https://github.com/rustsec/advisory-db $(DB); }
	@WEIR_ADVISORY_DB=$(abspath $(DB)) $(CARGO) test --quiet --test house no_crate_has_a_known_fault

reproducible: ## builds the release binary twice and compares the bytes; leaves target/reproducible/weir
	@.ci/need build
	@.ci/reproducible

soak: ## mixed load, reloads, upgrades, drains and a failing node, an hour long (SECONDS=600 for ten minutes)
	@WEIR_SOAK_SECONDS=$(or $(SECONDS),3600) $(CARGO) test --test soak nothing -- --nocapture

interleavings: ## threads that meet at the queue, the sessions, the states and the limits, in tens of thousands of orders
	@cd tests/interleavings && $(CARGO) test --locked --quiet

simulation: ## a whole Weir on a clock of its own: nodes fail and orders come as seeds draw it (SIMULATION_SEEDS=1-500 for more)
	@$(CARGO) test --locked --quiet --features simulation --lib simulation::nothing -- --nocapture

generated: ## writes what comes from the definitions: tables in docs/, man/, conf/weir.schema.json, completions/
	@WEIR_WRITE=1 $(CARGO) test --quiet --test generated what_is_generated

test: ## everything a contributor runs: lints, tests, documents, units, a staged install
	@.ci/need test
	@$(MAKE) lint
	@$(MAKE) cargo-test
	@$(MAKE) doc
	@$(MAKE) units
	@$(MAKE) staged
	@echo "make test: all passed"

lint:
	@echo "== cargo fmt --check"
	@$(CARGO) fmt --check
	@echo "== cargo clippy"
	@$(CARGO) clippy --all-targets -- -D warnings

# Most tests wait more than they compute.
cargo-test: export RUST_TEST_THREADS ?= $(shell echo $$((2 * $$(nproc))))
cargo-test:
	@echo "== cargo test"
	@$(CARGO) test --no-fail-fast
	@echo "== the benches: all built, each room once"
	@$(CARGO) bench --no-run --quiet --profile dev
	@$(CARGO) test --benches --quiet

doc:
	@echo "== cargo doc"
	@RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --lib --quiet

units:
	@tests/install/units

staged:
	@$(CARGO) build --quiet
	@tests/install/staged target/debug/weir

acceptance: ## what is slower: make test and make demo in a bare Debian, h2spec, Prometheus, the page, NGINX's exporter, schemathesis, nginx beside Weir, real WSO2 workers and Hazelcast members, crates, the oldest Rust, threads in many orders, fuzzing, a real systemd, the packages
	@FUZZ_SECONDS=$(FUZZ_SECONDS) .ci/acceptance

deb: ## builds the Debian package, and one of debug symbols, in target/debian (needs cargo-deb)
	@.ci/need deb
	@$(MAKE) build
	@.ci/deb $(BINARY)

rpm: ## builds the RPM package in target/rpm (needs cargo-generate-rpm)
	@.ci/need rpm
	@$(MAKE) build
	@.ci/rpm $(BINARY)

tarball: ## builds a tarball with install.sh, and SHA256SUMS, in target/tarball
	@.ci/need tarball
	@$(MAKE) build
	@.ci/tarball $(BINARY)

install: files ## puts binary, units, configuration, man pages, completions, docs, rules and dashboard in place (PREFIX, DESTDIR; run make build first)
	install -d -m 0755 $(DESTDIR)$(SYSCONFDIR)/weir $(DESTDIR)$(SYSCONFDIR)/weir/sites
	@DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" SYSCONFDIR="$(SYSCONFDIR)" .ci/install-configuration

# All but the configuration, which belongs to the operator. The Debian package (.ci/deb) takes its files from here too.
files:
	@test -x $(BINARY) || { echo "$(BINARY) is not there: run make build first"; exit 1; }
	install -D -m 0755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/weir
	install -d -m 0755 $(DESTDIR)$(UNITDIR)
	sed 's|/usr/bin/weir|$(PREFIX)/bin/weir|; s|/etc/weir/|$(SYSCONFDIR)/weir/|' systemd/weir.service > $(DESTDIR)$(UNITDIR)/weir.service
	chmod 0644 $(DESTDIR)$(UNITDIR)/weir.service
	install -D -m 0644 systemd/weir-again.service $(DESTDIR)$(UNITDIR)/weir-again.service
	install -D -m 0644 systemd/weir.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/weir.conf
	install -d -m 0755 $(DESTDIR)$(PREFIX)/lib/tmpfiles.d
	sed 's|/etc/weir/|$(SYSCONFDIR)/weir/|' systemd/weir.tmpfiles > $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/weir.conf
	chmod 0644 $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/weir.conf
	install -D -m 0644 systemd/weir.sysctl $(DESTDIR)$(SYSCTL)
	install -D -m 0644 systemd/weir.logrotate $(DESTDIR)$(SYSCONFDIR)/logrotate.d/weir
	for page in $(MAN); do install -D -m 0644 man/$${page#*/} $(DESTDIR)$(MANDIR)/$$page; done
	install -D -m 0644 conf/weir.schema.json $(DESTDIR)$(SHAREDIR)/weir.schema.json
	install -D -m 0644 completions/weir.bash $(DESTDIR)$(BASHDIR)/weir
	install -D -m 0644 completions/_weir $(DESTDIR)$(ZSHDIR)/_weir
	install -D -m 0644 completions/weir.fish $(DESTDIR)$(FISHDIR)/weir.fish
	for file in $(CONTRIB); do install -D -m 0644 contrib/$$file $(DESTDIR)$(SHAREDIR)/$$file; done
	install -D -m 0644 systemd/weir.needrestart $(DESTDIR)$(SYSCONFDIR)/needrestart/conf.d/weir.conf
	install -d -m 0755 $(DESTDIR)$(DOCDIR)/examples $(DESTDIR)$(DOCDIR)/recipes
	install -m 0644 $(PAGES:%=docs/%.md) docs/performance.svg CHANGELOG.md $(DESTDIR)$(DOCDIR)
	install -m 0644 $(RECIPES:%=docs/recipes/%.md) $(DESTDIR)$(DOCDIR)/recipes
	install -m 0644 conf/minimal.toml $(DESTDIR)$(DOCDIR)/examples/minimal.toml
	install -m 0644 systemd/weir.socket systemd/no-capability.conf $(DESTDIR)$(DOCDIR)/examples
	@# In the repository certs/ lies beside conf/, on a machine it lies inside /etc/weir. The schema is where this PREFIX is.
	sed 's|"\.\./certs/|"certs/|g; s|^#:schema file:///usr/|#:schema file://$(PREFIX)/|' conf/weir.toml > $(DESTDIR)$(DOCDIR)/examples/weir.toml
	chmod 0644 $(DESTDIR)$(DOCDIR)/examples/weir.toml

uninstall: ## takes all of it away again, but the configuration, its certificates, logs and state
	rm -f $(addprefix $(DESTDIR),$(INSTALLED)) $(DESTDIR)$(SYSCONFDIR)/weir/weir.toml.example
	@test -n "$(DESTDIR)" -o ! -d /run/systemd/system || systemctl daemon-reload
	@echo "kept: $(DESTDIR)$(SYSCONFDIR)/weir, /var/lib/weir, /var/log/weir and the user weir"

clean: ## removes what was built
	@$(CARGO) clean
