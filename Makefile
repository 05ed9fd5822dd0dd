# Serinus: automated canary analysis. `make help` lists the targets.
# Everything that is built goes to $(BUILD); a sanitizer build is the same tree in another folder.

BUILD   ?= build
CC      ?= gcc
prefix  ?= /usr/local
PYTHON  := /usr/bin/python3
FLAVOUR ?=

PKGS := libmicrohttpd libcurl jansson yajl gsl sqlite3 libprotobuf-c yaml-0.1 libcrypto
WARN := -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wformat=2 -Wvla \
        -Werror=implicit -Werror=format-security -Werror=return-type $(if $(CI),-Werror)
HARDEN := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection \
          -fno-strict-aliasing -fwrapv -fno-delete-null-pointer-checks -fPIE \
          $(if $(findstring x86_64,$(shell $(CC) -dumpmachine)),-fcf-protection=full)
HARDEN_LD := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,--as-needed
SANITIZE_asan  := -fsanitize=address -fno-omit-frame-pointer
SANITIZE_ubsan := -fsanitize=undefined -fno-sanitize-recover=all
SANITIZE_tsan  := -fsanitize=thread

CFLAGS  ?= -O2 -g
# -ffp-contract=off: a fused multiply-add would change the last bit of a verdict's numbers.
ALL_CFLAGS := -std=gnu17 -ffp-contract=off -D_GNU_SOURCE -I. -I$(BUILD) $(WARN) $(CFLAGS) \
              $(if $(FLAVOUR),$(SANITIZE_$(FLAVOUR)) -fPIE,$(HARDEN)) -MMD -MP
ALL_LDFLAGS = $(if $(FLAVOUR),$(SANITIZE_$(FLAVOUR)) -pie,$(HARDEN_LD)) $(LDFLAGS) -pthread
LIBS     = $(shell pkg-config --libs $(PKGS)) -lm
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))

ROOMS   := base judge collectors analyzer analyzer/codec api
SOURCES := $(filter-out analyzer/main.c,$(foreach room,$(ROOMS),$(wildcard $(room)/*.c)))
PROTOS  := $(wildcard proto/canary/v1/*.proto)
PROTO_C := $(PROTOS:%.proto=$(BUILD)/%.pb-c.c)
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o) $(PROTO_C:.c=.o)
LIBRARY := $(BUILD)/libserinus.a
BINARY  := $(BUILD)/serinus

UNIT_SOURCES  := $(wildcard tests/unit/*/*_test.c tests/golden/*_test.c tests/property/*_test.c tests/integration/*_test.c)
UNIT_TESTS    := $(UNIT_SOURCES:%.c=$(BUILD)/%)
BENCH_SOURCES := $(wildcard tests/bench/bench_*.c)
BENCHES       := $(BENCH_SOURCES:%.c=$(BUILD)/%)
FUZZ_SOURCES  := $(wildcard tests/fuzz/fuzz_*.c)
FUZZERS       := $(FUZZ_SOURCES:%.c=$(BUILD)/%)
SUPPORT       := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/*.c))

.PHONY: all
all: $(BINARY)

$(BINARY): $(BUILD)/analyzer/main.o $(LIBRARY)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(LIBRARY): $(OBJECTS)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(PKG_CFLAGS) -c -o $@ $<

# Generated code is not ours to warn about.
$(BUILD)/proto/%.pb-c.o: $(BUILD)/proto/%.pb-c.c
	$(CC) $(filter-out $(WARN),$(ALL_CFLAGS)) -c -o $@ $<

$(BUILD)/proto/%.pb-c.c $(BUILD)/proto/%.pb-c.h: proto/%.proto
	@mkdir -p $(BUILD)
	protoc-c --c_out=$(BUILD) $<

# Sources that include generated headers must wait for them.
$(OBJECTS) $(BUILD)/analyzer/main.o: | $(PROTO_C:.c=.h)
.SECONDARY: $(PROTO_C) $(PROTO_C:.c=.h)

$(BUILD)/tests/%_test: $(BUILD)/tests/%_test.o $(SUPPORT) $(LIBRARY)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(LIBRARY)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# libFuzzer wants clang for every object it instruments, so targets compile the sources they need
# into a tree of their own: make fuzz BUILD=build/fuzz CC=clang.
$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(LIBRARY)
	$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

.PHONY: clean
clean:
	rm -rf build
