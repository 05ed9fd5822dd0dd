# Serinus: automated canary analysis. `make help` lists the targets.
# Everything that is built goes to $(BUILD); a sanitizer build is the same tree in another folder.

BUILD   ?= build
prefix  ?= /usr/local
bindir  ?= $(prefix)/bin
docdir  ?= $(prefix)/share/doc/serinus
PYTHON  := /usr/bin/python3
FLAVOUR ?=
# One short line a file; V=1 shows the commands.
Q       := $(if $(V),,@)
say      = $(if $(V),,@echo '  $(1) $@')
JOBS    ?= $(shell nproc 2>/dev/null || echo 2)
ifeq ($(origin CC),default)
CC := gcc
endif

PKGS := libmicrohttpd libcurl jansson yajl gsl sqlite3 libprotobuf-c yaml-0.1 libcrypto zlib
WARN := -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wformat=2 -Wvla \
        -Werror=implicit -Werror=format-security -Werror=return-type $(if $(CI),-Werror)
HARDEN := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection \
          -fno-strict-aliasing -fwrapv -fno-delete-null-pointer-checks -fPIE \
          $(if $(findstring x86_64,$(shell $(CC) -dumpmachine)),-fcf-protection=full)
HARDEN_LD := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,--as-needed
SANITIZE_asan  := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SANITIZE_ubsan := -fsanitize=undefined -fno-sanitize-recover=all
SANITIZE_tsan  := -fsanitize=thread
SANITIZE_fuzz  := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all

CFLAGS  ?= -O2 -g
# -ffp-contract=off: a fused multiply-add would change the last bit of a verdict's numbers.
ALL_CFLAGS := -std=gnu17 -ffp-contract=off -D_GNU_SOURCE -I. -I$(BUILD) $(WARN) $(CFLAGS) \
              $(if $(FLAVOUR),$(SANITIZE_$(FLAVOUR)) -fPIE,$(HARDEN)) -MMD -MP
ALL_LDFLAGS = $(if $(FLAVOUR),$(SANITIZE_$(FLAVOUR)) -pie,$(HARDEN_LD)) $(LDFLAGS) -pthread
LIBS     = $(shell pkg-config --libs $(PKGS)) -lm
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))

ROOMS   := base judge judge/stats collectors analyzer analyzer/codec api
SOURCES := $(filter-out analyzer/main.c,$(foreach room,$(ROOMS),$(wildcard $(room)/*.c)))
PROTOS  := $(wildcard proto/canary/v1/*.proto)
PROTO_C := $(PROTOS:%.proto=$(BUILD)/%.pb-c.c)
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o) $(PROTO_C:.c=.o)
LIBRARY := $(BUILD)/libserinus.a
BINARY  := $(BUILD)/serinus

TEST_SOURCES  := $(wildcard tests/unit/*/*_test.c tests/property/*_test.c \
                            tests/integration/*_test.c)
TESTS         := $(TEST_SOURCES:%.c=$(BUILD)/%)
BENCH_SOURCES := $(wildcard tests/bench/bench_*.c)
BENCHES       := $(BENCH_SOURCES:%.c=$(BUILD)/%)
FUZZ_SOURCES  := $(wildcard tests/fuzz/fuzz_*.c)
FUZZERS       := $(FUZZ_SOURCES:%.c=$(BUILD)/%)
REPLAYERS     := $(FUZZ_SOURCES:tests/fuzz/fuzz_%.c=$(BUILD)/tests/fuzz/replay_%)
SIM_SOURCES   := $(wildcard tests/sim/*.c)
SIM           := $(BUILD)/tests/sim/sim
SUPPORT       := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/*.c))
ALL_SOURCES   := $(SOURCES) analyzer/main.c $(TEST_SOURCES) $(BENCH_SOURCES) $(FUZZ_SOURCES) \
                 $(SIM_SOURCES) $(wildcard tests/*.c) tests/fuzz/replay.c
C_FILES       := $(ALL_SOURCES) $(foreach room,$(ROOMS),$(wildcard $(room)/*.h)) \
                 $(wildcard tests/*.h tests/sim/*.h)

.PHONY: all
all: $(BINARY)

# --- what builds what -------------------------------------------------------------------------

$(BINARY): $(BUILD)/analyzer/main.o $(LIBRARY)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(LIBRARY): $(OBJECTS)
	@rm -f $@
	$(call say,AR  )
	$(Q)ar rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC  )
	$(Q)$(CC) $(ALL_CFLAGS) $(PKG_CFLAGS) -c -o $@ $<

# It holds the file's bytes (.incbin), which the compiler does not see as a dependency.
$(BUILD)/api/openapi.o: api/openapi.json

# Generated code is not ours to warn about.
$(BUILD)/proto/%.pb-c.o: $(BUILD)/proto/%.pb-c.c
	$(call say,CC  )
	$(Q)$(CC) $(filter-out $(WARN),$(ALL_CFLAGS)) -c -o $@ $<

$(BUILD)/proto/%.pb-c.c $(BUILD)/proto/%.pb-c.h: proto/%.proto
	@mkdir -p $(BUILD)
	$(Q)protoc-c --c_out=$(BUILD) $<

# Sources that include generated headers must wait for them.
$(ALL_SOURCES:%.c=$(BUILD)/%.o): | $(PROTO_C:.c=.h)
.SECONDARY:

$(BUILD)/tests/%_test: $(BUILD)/tests/%_test.o $(SUPPORT) $(LIBRARY)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka -lssl

$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(BUILD)/tests/fake_store.o $(LIBRARY)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lssl

$(SIM): $(SIM_SOURCES:%.c=$(BUILD)/%.o) $(LIBRARY)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# A fuzz target linked with libFuzzer (clang) or with a main that replays files (any compiler).
$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(LIBRARY)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)

$(BUILD)/tests/fuzz/replay_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/replay.o $(LIBRARY)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

-include $(wildcard $(ALL_SOURCES:%.c=$(BUILD)/%.d))

.PHONY: tests replayers benches fuzzers
tests: $(TESTS) $(SIM)
replayers: $(REPLAYERS)
benches: $(BENCHES)
fuzzers: $(FUZZERS)

# --- for everybody ----------------------------------------------------------------------------

.PHONY: help deps demo test bench sim
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' Makefile | awk -F'\t' '{ printf "  make %-13s %s\n", $$1, $$2 }'

deps: ## install what building, demo and tests need (Debian)
	@scripts/deps.sh build demo test

demo: ## judge releases on a real Prometheus, two of them by two judges (HOLD=1: stay up for browsing)
	@scripts/deps.sh build demo
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@BUILD=$(BUILD) HOLD=$(HOLD) scripts/demo.sh

test: ## all tests, each part timed
	@scripts/deps.sh build demo test
	@$(PYTHON) tests/run.py --build $(BUILD)

sim: ## how often the judges are wrong, simulated against their bounds (FULL=1: 20,000 runs a row)
	@scripts/deps.sh build
	@$(MAKE) --no-print-directory -j$(JOBS) $(SIM)
	@$(SIM) $(if $(FULL),--runs 20000)

bench: ## speed and memory against their targets
	@scripts/deps.sh build demo test bench
	@$(MAKE) --no-print-directory -j$(JOBS) all benches
	@missed=; for bench in $(BENCHES) "$(PYTHON) tests/bench/bench.py --serinus $(BINARY)" \
	    "$(PYTHON) tests/bench/scale.py --serinus $(BINARY)" \
	    "$(PYTHON) tests/bench/backtest.py --serinus $(BINARY)"; do \
	    echo "== $$bench"; $$bench || missed=1; done; [ -z "$$missed" ]

# --- for who changes the code -----------------------------------------------------------------

.PHONY: check lint layers format compdb asan ubsan tsan fuzz torture fresh-check
check: layers lint test ## layers, lint and test: what a reviewer runs

layers: ## no #include that the table in scripts/check-layers.sh does not list
	@scripts/check-layers.sh

lint: ## clang-tidy, cppcheck, gcc -fanalyzer, banned functions
	@scripts/deps.sh build lint test
	@$(MAKE) --no-print-directory -j$(JOBS) $(PROTO_C:.c=.h)
	@BUILD=$(BUILD) JOBS=$(JOBS) scripts/lint.sh '$(filter-out -fcf-protection% -MMD -MP,$(ALL_CFLAGS)) $(PKG_CFLAGS)' \
	    $(SOURCES) analyzer/main.c

format: ## clang-format every C file
	@scripts/deps.sh lint
	clang-format -i $(C_FILES)

compdb: ## compile_commands.json for editors
	@{ echo '['; sep=; for file in $(ALL_SOURCES); do \
	    printf '%s{"directory": "%s", "file": "%s", "command": "$(CC) %s -c %s"}' \
	        "$$sep" "$(CURDIR)" "$$file" '$(ALL_CFLAGS) $(PKG_CFLAGS)' "$$file"; sep=','; \
	done; echo ']'; } > compile_commands.json

asan: ## all C tests and an end-to-end smoke under AddressSanitizer and UBSan
	@scripts/deps.sh build demo test
	@$(PYTHON) tests/run.py --build $(BUILD) --flavour asan

ubsan: ## the same under UBSan alone
	@scripts/deps.sh build demo test
	@$(PYTHON) tests/run.py --build $(BUILD) --flavour ubsan

tsan: ## the same under ThreadSanitizer
	@scripts/deps.sh build demo test
	@$(PYTHON) tests/run.py --build $(BUILD) --flavour tsan

FUZZ_SECONDS ?= 30
fuzz: ## libFuzzer on every parser of outside bytes, FUZZ_SECONDS each
	@scripts/deps.sh build fuzz
	@$(MAKE) --no-print-directory -j$(JOBS) CC=clang FLAVOUR=fuzz BUILD=$(BUILD)/fuzz CFLAGS='-O1 -g' fuzzers
	@BUILD=$(BUILD)/fuzz scripts/fuzz.sh $(FUZZ_SECONDS)

TORTURE_MINUTES ?= 30
KILLS ?= 1000
torture: ## hours of trouble: KILLS kills, then soak and fuzzing for TORTURE_MINUTES each
	@scripts/deps.sh build demo test fuzz
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@SERINUS=$(BINARY) KILLS=$(KILLS) TORTURE_MINUTES=$(TORTURE_MINUTES) \
	    $(PYTHON) -m pytest -q -s -p no:cacheprovider tests/e2e -m torture
	@$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=$$(( $(TORTURE_MINUTES) * 60 / $(words $(FUZZ_SOURCES) x) ))

fresh-check: ## demo and test inside a minimal Debian 12 root (root needed)
	@scripts/deps.sh fresh
	@scripts/fresh-check.sh

# --- installing -------------------------------------------------------------------------------

.PHONY: install uninstall clean
install: all ## into DESTDIR and prefix (/usr/local)
	install -D -m 755 $(BINARY) $(DESTDIR)$(bindir)/serinus
	install -D -m 644 -t $(DESTDIR)$(docdir) README.md ARCHITECTURE.md CHANGELOG.md LICENSE
	install -D -m 644 -t $(DESTDIR)$(docdir)/examples $(wildcard examples/*.yml)

uninstall: ## what install put there
	rm -f $(DESTDIR)$(bindir)/serinus
	rm -rf $(DESTDIR)$(docdir)

clean: ## remove build/
	rm -rf build compile_commands.json
