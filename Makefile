# xfrmpair: static programs into $(BUILD), nothing else needed than make and a C compiler.
#
#   make          build/xfrmpair build/espdecap build/natprobe
#   make demo     the main job, shown
#   make test     every test; says what it needs if something is missing
#   make quick    every test that needs no VM
#   make install  programs, manuals, completion, units, examples; make uninstall removes them (PREFIX=/usr/local, DESTDIR=)
#
# CC= chooses the compiler; SANITIZE=1 builds with ASan and UBSan (dynamically).

VERSION = 0.1
BUILD   = build
PREFIX  = /usr/local

# musl makes the smallest static programs; its compiler needs the system's kernel headers named.
KERNEL_HEADERS := -idirafter /usr/include -idirafter /usr/include/$(shell uname -m)-linux-gnu
ifeq ($(origin CC),default)
CC := $(shell echo 'int main(void) { return 0; }' | musl-gcc $(KERNEL_HEADERS) -include linux/filter.h -x c \
        -o /dev/null - 2>/dev/null && echo musl-gcc || echo cc)
endif

WARNINGS = -Wall -Wextra -Wshadow -Wconversion -Werror
CFLAGS   = -Os
CFLAGS_ALL = -std=c11 -D_GNU_SOURCE -DVERSION='"$(VERSION)"' $(WARNINGS) -Ihelper \
             -ffunction-sections -fdata-sections $(CFLAGS)
LDFLAGS_ALL = -Wl,--gc-sections -s $(LDFLAGS)

ifdef SANITIZE
CFLAGS_ALL  += -DSANITIZED -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS_ALL = -fsanitize=address,undefined $(LDFLAGS)
else ifneq ($(findstring musl,$(CC)),)
# fixed addresses, for it is not PIE anyway; no tables for unwinding, for nothing throws
CFLAGS_ALL  += $(KERNEL_HEADERS) -fno-pie -fno-asynchronous-unwind-tables
# fewer pages: no padding between segments, none set apart to be made read-only later
LDFLAGS_ALL += -static -Wl,-z,noseparate-code -Wl,-z,norelro
# data goes on in the file's page where code ends, rather than in the next one
LDFLAGS_ALL += -Wl,-z,common-page-size=16
else
CFLAGS_ALL  += -fPIE
LDFLAGS_ALL += -static-pie
endif

GEN     = main options config settings side tunnel cipher key keyfile identity view secret x25519 hkdf program template explain wireshark output path text
PROBE   = natprobe discover map punch probe stun pcp route hello random sha256 user
SHARED  = endpoint number say special

.DELETE_ON_ERROR:
.PHONY: all demo test quick clean install uninstall
PROGRAMS = xfrmpair espdecap natprobe
all: $(PROGRAMS:%=$(BUILD)/%)

$(BUILD)/xfrmpair: $(GEN:%=$(BUILD)/%.o) $(SHARED:%=$(BUILD)/%.o) $(BUILD)/random.o $(BUILD)/sha256.o $(BUILD)/templates.o
$(BUILD)/espdecap: $(BUILD)/espdecap.o $(BUILD)/user.o $(SHARED:%=$(BUILD)/%.o)
$(BUILD)/natprobe: $(PROBE:%=$(BUILD)/%.o) $(SHARED:%=$(BUILD)/%.o)
$(PROGRAMS:%=$(BUILD)/%):
	$(CC) -o $@ $^ $(LDFLAGS_ALL)

# a mesh of hundreds is a few million values: not for size
$(GEN:%=$(BUILD)/%.o) $(BUILD)/sha256.o: CFLAGS = -O2
$(BUILD)/%.o: gen/%.c Makefile
	@mkdir -p $(BUILD)
	$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<
$(BUILD)/%.o: helper/%.c Makefile
	@mkdir -p $(BUILD)
	$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<
$(BUILD)/%.o: $(BUILD)/%.c
	$(CC) $(CFLAGS_ALL) -Igen -MMD -MP -c -o $@ $<
-include $(wildcard $(BUILD)/*.d)

# templates/ as a table of strings: a line of text, a line of C
PARTS     = core epochs look interface routes neighbours forwarding tables rules punch helper router guard up down status fingerprint rekey follow check capture main
TEMPLATES = script.sh paste.sh picture policy state test explain esp_sa $(PARTS:%=program/%.sh)
$(BUILD)/templates.c: $(TEMPLATES:%=templates/%) Makefile
	@mkdir -p $(BUILD)
	{ printf '#include "template.h"\nconst struct template_file template_files[] = {\n'; for name in $(TEMPLATES); do \
	    echo "{ \"$$name\","; \
	    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' templates/$$name || exit; echo '},'; done; echo '{ 0, 0 } };'; } >$@

# what tests/xfrmpair.bats compares with, heads and one whole script: run it after a change of the templates, and read the
# difference
.PHONY: examples
EXAMPLES = $(dir $(wildcard examples/*/tunnel.conf))
examples: $(BUILD)/xfrmpair
	rm -rf $(BUILD)/examples
	for folder in $(EXAMPLES); do \
	    chmod 600 $$folder/keys && $(BUILD)/xfrmpair -f $$folder/tunnel.conf --keys $$folder/keys -o $(BUILD)/examples || exit; \
	    for script in $(BUILD)/examples/*.sh; do \
	        name=$${script##*/} && sed '/^# ---- program/,$$d' $$script >$$folder/$${name%.sh}.head || exit; \
	    done; \
	    case $$folder in */howto/) cp $(BUILD)/examples/a.sh $$folder ;; esac; \
	    rm -rf $(BUILD)/examples; \
	done

# what is installed, each FROM=TO; the completion once for each program, for it is looked for by a command's name
DOCUMENTS = share/doc/xfrmpair
UNITS     = $(wildcard examples/boot/*@*)
INSTALLED = $(foreach program,$(PROGRAMS),$(BUILD)/$(program)=bin/$(program) \
                gen/xfrmpair.bash-completion=share/bash-completion/completions/$(program)) \
            $(foreach manual,gen/xfrmpair.1 helper/espdecap.1 helper/natprobe.1,$(manual)=share/man/man1/$(notdir $(manual))) \
            $(foreach unit,$(UNITS),$(unit)=lib/systemd/system/$(notdir $(unit))) \
            $(foreach file,README.md LICENSE examples/session $(filter-out $(UNITS),$(wildcard examples/*/*)),$(file)=$(DOCUMENTS)/$(file))
install: all
	@for pair in $(INSTALLED); do \
	    case $$pair in *=bin/*) mode=755 ;; *) mode=644 ;; esac; \
	    install -D -m $$mode "$${pair%%=*}" "$(DESTDIR)$(PREFIX)/$${pair#*=}" || exit; \
	done; echo "installed under $(DESTDIR)$(PREFIX)"
uninstall:
	@for pair in $(INSTALLED); do rm -f "$(DESTDIR)$(PREFIX)/$${pair#*=}" || exit; done
	@find "$(DESTDIR)$(PREFIX)/$(DOCUMENTS)" -depth -type d -exec rmdir {} + 2>/dev/null || :

clean:
	rm -rf $(BUILD)

test:
	tests/run
quick:
	tests/run quick
demo: all
	examples/demo
