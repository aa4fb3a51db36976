# A thin front to CMake (CMakePresets.json) and tools/.
.DEFAULT_GOAL := help
.PHONY: help run demo build test test-debian13 soak check fuzz bench bench-arrivals bench-ciphers bench-clients bench-streams install clean

PREFIX ?= /usr/local
DESTDIR ?=
FUZZ_SECONDS ?= 60

help:
	@echo 'make run             a server and a client on this machine, measured (root)'
	@echo 'make demo            two nodes over a simulated network, no root'
	@echo 'make build           umbrad, umbra, umbra-wg in build/bin/'
	@echo 'make test            everything that is tested, about 25 minutes (root)'
	@echo 'make soak            crashes, changes, moves for SECONDS=3600, watched for leaks (root)'
	@echo 'make check           format, layers, limits, warnings; tools/check --fix formats'
	@echo 'make fuzz            every fuzzer for FUZZ_SECONDS=60'
	@echo 'make bench           speed, and how it compares (root)'
	@echo 'make bench-clients   the part of it with 20,000 clients, and a flood'
	@echo 'make bench-arrivals  the part of it with 2,000 clients that come, and come again'
	@echo 'make bench-streams   the part of it with streams through proxies'
	@echo 'make test-debian13   the unit tests in a Debian 13 root (root)'
	@echo 'make install         into PREFIX=/usr/local below DESTDIR='
	@echo 'make clean           removes build/'
	@echo 'What each of them needs is installed by tools/setup [run|test|bench].'

run:
	@tools/setup run
	@$(MAKE) --no-print-directory build
	@tools/demo

demo: build/build.ninja
	@ninja -C build --quiet umbra_sim_demo
	@build/test/sim/umbra_sim_demo

build/build.ninja: CMakePresets.json
	@for program in cmake ninja pkg-config; do command -v $$program >/dev/null || \
		{ echo "$$program is missing: run tools/setup (as root)"; exit 1; }; done
	@mkdir -p build/log
	@cmake --preset release >build/log/configure.log 2>&1 || \
		{ grep 'run tools/setup' build/log/configure.log || cat build/log/configure.log; exit 1; }
	@touch $@

build: build/build.ninja
	@[ -x build/bin/umbrad ] || echo "building; a minute on two processors ..."
	@ninja -C build --quiet programs >build/log/build.log 2>&1 || { cat build/log/build.log; exit 1; }
	@grep -v '^ninja: ' build/log/build.log || true

test:
	@tools/setup test
	@tools/test

test-debian13:
	@tools/setup debian13
	@tools/debian13

soak:
	@tools/setup test
	@$(MAKE) --no-print-directory build
	@tools/soak $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

check:
	@tools/setup test
	@tools/check

fuzz:
	@tools/setup test
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tools/test fuzz

# Of everything, the crowds of clients are a part; a selection is about the contenders alone.
bench:
	@tools/setup bench
	@$(MAKE) --no-print-directory build
	@mkdir -p build/log
	@{ cmake -G Ninja -S bench -B build/bench/tools && ninja -C build/bench/tools bench_tools; } \
		>build/log/bench.log 2>&1 || { cat build/log/bench.log; exit 1; }
	@bench/run $(if $(ONLY),--only=$(ONLY)) $(if $(filter-out 0,$(QUICK)),--quick) \
		$(if $(MEASURES),--measures=$(MEASURES)) $(if $(SECONDS),--seconds=$(SECONDS)) \
		$(if $(ROUNDS),--rounds=$(ROUNDS)) $(if $(JSON),--json=$(JSON)) $(if $(SVG),--svg=$(SVG))
	@$(if $(ONLY)$(MEASURES)$(filter-out 0,$(QUICK)),,$(MAKE) --no-print-directory bench-ciphers bench-clients bench-arrivals bench-streams JSON=)

bench-ciphers:
	@tools/setup bench
	@$(MAKE) --no-print-directory build
	@ninja -C build --quiet aead_speed
	@bench/run ciphers $(if $(JSON),--json=$(JSON))

bench-clients:
	@tools/setup bench
	@$(MAKE) --no-print-directory build
	@mkdir -p build/log
	@ninja -C build clients >build/log/clients.log 2>&1 || { cat build/log/clients.log; exit 1; }
	@bench/run clients $(if $(ONLY),--only=$(ONLY)) $(if $(MEASURES),--measures=$(MEASURES)) \
		$(if $(filter-out 0,$(QUICK)),--quick) $(if $(JSON),--json=$(JSON))

bench-arrivals:
	@tools/setup bench
	@$(MAKE) --no-print-directory build
	@mkdir -p build/log
	@ninja -C build arrivals round_trip >build/log/arrivals.log 2>&1 || { cat build/log/arrivals.log; exit 1; }
	@bench/run arrivals $(if $(ONLY),--only=$(ONLY)) $(if $(filter-out 0,$(QUICK)),--quick) \
		$(if $(ROUNDS),--rounds=$(ROUNDS)) $(if $(JSON),--json=$(JSON))

bench-streams:
	@tools/setup bench
	@$(MAKE) --no-print-directory build
	@mkdir -p build/log
	@ninja -C build proxy_load >build/log/streams.log 2>&1 || { cat build/log/streams.log; exit 1; }
	@bench/run streams $(if $(ONLY),--only=$(ONLY)) $(if $(filter-out 0,$(QUICK)),--quick) \
		$(if $(ROUNDS),--rounds=$(ROUNDS)) $(if $(JSON),--json=$(JSON))

install: build
	@umask 022; DESTDIR="$(DESTDIR)" cmake --install build --prefix "$(PREFIX)"

clean:
	rm -rf build
