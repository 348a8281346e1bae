# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# xfrmpair: builds four programs into $(BUILD), with only make and a C compiler.
#
#   make                build/xfrmpair build/espdecap build/natprobe build/xfrmkeep
#   make demo           shows a tunnel through two NATs; as root, installs what the demo needs
#   make test           runs every test; as root, installs what the tests need
#   make quick          runs the tests of an edit: no VM, sanitizers or fuzzer, one compiler
#   make install        installs programs, manuals, completion, units and examples
#   make install-strip  does the same and strips the programs
#   make uninstall      removes what install has installed
#
# The environment and the command line may set CC, CPPFLAGS, CFLAGS, LDFLAGS, DESTDIR, PREFIX,
# BINDIR and MANDIR. STATIC=0 links dynamically. SANITIZE=1 builds with ASan and UBSan, dynamically.
# WERROR=1 makes each warning an error; only the tests set it, because new compilers warn of more.
# Only install-strip removes symbols, because distributions keep them in packages of their own.

VERSION = 0.2
BUILD   = build
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
DESTDIR ?=
INSTALL ?= install
STATIC ?= 1

# Each object depends on these. $(BUILD)/made-with records them; if one has changed, all is rebuilt.
SETTINGS = CC CPPFLAGS CFLAGS LDFLAGS STATIC SANITIZE
GIVEN   := $(strip $(foreach name,$(SETTINGS),$(filter environment command,$(origin $(name)))))
# sudo hides the caller's environment, so `sudo make install` keeps the settings of the last build.
ifeq ($(filter-out install install-strip,$(or $(MAKECMDGOALS),all))$(GIVEN),)
include $(wildcard $(BUILD)/made-with)
endif

# musl makes the smallest static programs; its compiler needs the system's kernel headers named.
KERNEL_HEADERS := -idirafter /usr/include -idirafter /usr/include/$(shell uname -m)-linux-gnu
ifeq ($(origin CC),default)
CC := $(if $(SANITIZE)$(filter 0,$(STATIC)),cc,$(shell echo 'int main(void) { return 0; }' | \
        musl-gcc $(KERNEL_HEADERS) -include linux/filter.h -x c -o /dev/null - 2>/dev/null && echo musl-gcc || echo cc))
endif

WARNINGS = -Wall -Wextra -Wshadow -Wconversion $(if $(filter-out 0,$(WERROR)),-Werror)
LINK   =
LINKED =
ifdef SANITIZE
CFLAGS ?= -g -O1
MODE    = -DSANITIZED -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LINK    = -fsanitize=address,undefined
else ifeq ($(STATIC),0)
MODE    = -fPIE
LINK    = -pie
else ifneq ($(findstring musl,$(CC)),)
# fixed addresses, because it is not PIE anyway; no unwind tables, because nothing throws
MODE    = -fno-pie -fno-asynchronous-unwind-tables
# inlined into a function with a large frame, code needs longer instructions than a call
MODE   += -fno-inline-functions-called-once
# fewer pages: no padding between segments, and no segment for RELRO
LINK    = -Wl,-z,noseparate-code -Wl,-z,norelro
# data continues in the same page of the file where code ends
LINK   += -Wl,-z,common-page-size=16
LINKED  = -static
else
MODE    = -fPIE
LINKED  = -static-pie
endif
CFLAGS ?= -Os

# The user's flags come after ours and override them, except -static-pie, which -pie would undo.
CFLAGS_ALL  = -std=c11 -D_GNU_SOURCE -DVERSION='"$(VERSION)"' $(WARNINGS) -Ihelper \
              $(if $(findstring musl,$(CC)),$(KERNEL_HEADERS)) -ffunction-sections -fdata-sections \
              $(MODE) $(CPPFLAGS) $(CFLAGS)
LDFLAGS_ALL = -Wl,--gc-sections $(LINK) $(CFLAGS) $(LDFLAGS) $(LINKED)

GEN     = main options config side tunnel key keyfile identity x25519 hkdf view plan policy print start print_head print_page commands explain line wireshark secret output path templates
PROBE   = natprobe discover discover_judge lookup map punch probe stun pcp route hello random sha256 ids
SHARED  = endpoint number say special
ROWS    = esp_sa xfrm cipher prefix text sha256 random
PAGE    = page page_facts rows section section_parse section_check store xfrm_parse epoch
KEEP    = xfrmkeep status status_print status_verb watch look list counts counts_file parts parts_look words wireshark_verb capture tcpdump \
          check check_tests check_look check_down verdict verdict_here verdict_there firewall firewall_read firewall_rule firewall_nft firewall_iptables \
          trial tap wire owner job announce tick follow follow_step notify \
          up up_options up_ask up_local down undo begin portmap refused parts_up forward \
          keep steps rekey mend mend_routes move change apply apply_run lock kernel kernel_xfrm kernel_route kernel_counters kernel_nft netlink

.DELETE_ON_ERROR:
.PHONY: all demo test quick clean install install-strip uninstall FORCE
PROGRAMS = xfrmpair espdecap natprobe xfrmkeep
all: $(PROGRAMS:%=$(BUILD)/%)
ifeq ($(LINKED),-static-pie)
	@size=$$(wc -c <$(BUILD)/espdecap); [ "$$size" -lt 200000 ] || \
	    echo "make: $(BUILD)/espdecap: $$size bytes, static with glibc (for about 50,000, install" \
	        "musl-tools and run make CC=musl-gcc; make STATIC=0 links dynamically)"
endif

$(BUILD)/xfrmpair: $(GEN:%=$(BUILD)/%.o) $(BUILD)/section.o $(BUILD)/epoch.o $(ROWS:%=$(BUILD)/%.o) $(SHARED:%=$(BUILD)/%.o) $(BUILD)/template_files.o
$(BUILD)/xfrmkeep: $(KEEP:%=$(BUILD)/%.o) $(PAGE:%=$(BUILD)/%.o) $(ROWS:%=$(BUILD)/%.o) $(SHARED:%=$(BUILD)/%.o)
$(BUILD)/espdecap: $(BUILD)/espdecap.o $(BUILD)/notify.o $(BUILD)/ids.o $(SHARED:%=$(BUILD)/%.o)
$(BUILD)/natprobe: $(PROBE:%=$(BUILD)/%.o) $(SHARED:%=$(BUILD)/%.o)
$(PROGRAMS:%=$(BUILD)/%):
	$(CC) -o $@ $^ $(LDFLAGS_ALL)

ifneq ($(strip $(shell cat $(BUILD)/made-with 2>/dev/null)),$(strip $(foreach name,$(SETTINGS),$(name) = $(value $(name)))))
$(BUILD)/made-with: FORCE
endif
$(BUILD)/made-with:
	@mkdir -p $(BUILD)
	@printf '%s\n' $(foreach name,$(SETTINGS),'$(name) = $(subst ','\'',$(value $(name)))') >$@

$(BUILD)/%.o: gen/%.c Makefile $(BUILD)/made-with
	$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<
$(BUILD)/%.o: helper/%.c Makefile $(BUILD)/made-with
	$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<
$(BUILD)/%.o: $(BUILD)/%.c $(BUILD)/made-with
	$(CC) $(CFLAGS_ALL) -Igen -MMD -MP -c -o $@ $<
-include $(wildcard $(BUILD)/*.d)

# templates/ as a table of strings, one line of C per line of text
TEMPLATES = $(patsubst templates/%,%,$(wildcard templates/page/*.sh))
$(BUILD)/template_files.c: $(TEMPLATES:%=templates/%) Makefile
	@mkdir -p $(BUILD)
	{ printf '#include "templates.h"\nconst struct template_file template_files[] = {\n'; for name in $(TEMPLATES); do \
	    echo "{ \"$$name\","; \
	    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' templates/$$name || exit; echo '},'; done; echo '{ 0, 0 } };'; } >$@

# tests/xfrmpair.bats compares these heads and one whole script with the generator's output. After a
# change of the templates, run this and read the difference.
.PHONY: examples
EXAMPLES = $(sort $(dir $(wildcard examples/*/*.head)))
examples: $(BUILD)/xfrmpair
	rm -rf $(BUILD)/examples
	for folder in $(EXAMPLES); do \
	    chmod 600 $$folder/keys && $(BUILD)/xfrmpair -f $$folder/tunnel.conf --keys $$folder/keys -o $(BUILD)/examples || exit; \
	    for script in $(BUILD)/examples/*.sh; do \
	        name=$${script##*/} && sed '/^set -u/,$$d' $$script >$$folder/$${name%.sh}.head || exit; \
	    done; \
	    case $$folder in */howto/) cp $(BUILD)/examples/a.sh $$folder ;; esac; \
	    rm -rf $(BUILD)/examples; \
	done

# Shell completion is generated from the table of options. After a change of that, run this.
.PHONY: completion
$(BUILD)/options-table: tests/options.c $(patsubst %,$(BUILD)/%.o,options tunnel key side $(ROWS) $(SHARED))
	$(CC) $(CFLAGS_ALL) -Igen -o $@ $^ $(LDFLAGS_ALL)
completion: $(BUILD)/options-table
	$< bash >$(BUILD)/completion
	sed -i -e '/^# made by/r $(BUILD)/completion' -e '/^# made by/,/^# end/{/^# end/!d}' gen/xfrmpair.bash-completion
	$< zsh >gen/xfrmpair.zsh-completion
	$< fish >gen/xfrmpair.fish-completion

# Installed files as FROM=TO; bash finds a completion by the command's name, so there is one per program.
DOCUMENTS = $(PREFIX)/share/doc/xfrmpair
UNITS     = $(wildcard examples/boot/*@*)
MANUALS   = gen/xfrmpair.1 gen/xfrmpair.conf.5 gen/xfrmpair-script.8 helper/espdecap.8 helper/natprobe.8 helper/xfrmkeep.8
INSTALLED = $(foreach program,$(PROGRAMS),$(BUILD)/$(program)=$(BINDIR)/$(program)) \
            $(foreach program,$(filter-out xfrmkeep,$(PROGRAMS)), \
                gen/xfrmpair.bash-completion=$(PREFIX)/share/bash-completion/completions/$(program)) \
            gen/xfrmpair.zsh-completion=$(PREFIX)/share/zsh/site-functions/_xfrmpair \
            gen/xfrmpair.fish-completion=$(PREFIX)/share/fish/vendor_completions.d/xfrmpair.fish \
            $(foreach manual,$(MANUALS),$(manual)=$(MANDIR)/man$(patsubst .%,%,$(suffix $(manual)))/$(notdir $(manual))) \
            $(foreach unit,$(UNITS),$(unit)=$(PREFIX)/lib/systemd/system/$(notdir $(unit))) \
            $(foreach file,README.md LICENSE examples/session $(filter-out $(UNITS),$(wildcard examples/*/*)),$(file)=$(DOCUMENTS)/$(file))
install: all
	@(umask 022 && mkdir -p "$(DESTDIR)$(BINDIR)" 2>/dev/null); [ -w "$(DESTDIR)$(BINDIR)" ] || { \
	    echo 'make: $(DESTDIR)$(BINDIR): cannot write there: sudo make install, or make install PREFIX=$$HOME/.local' >&2; exit 1; }
	@for pair in $(INSTALLED); do \
	    case $$pair in $(BUILD)/*) how='-m 755 $(INSTALL_STRIP)' ;; *) how='-m 644' ;; esac; \
	    $(INSTALL) -D $$how "$${pair%%=*}" "$(DESTDIR)$${pair#*=}" || exit; \
	done; echo "installed under $(DESTDIR)$(PREFIX)"
install-strip: INSTALL_STRIP = -s
install-strip: install
uninstall:
	@for pair in $(INSTALLED); do rm -f "$(DESTDIR)$${pair#*=}" || exit; done
	@find "$(DESTDIR)$(DOCUMENTS)" -depth -type d -exec rmdir {} + 2>/dev/null || :

clean:
	rm -rf $(BUILD)

test:
	tests/run
quick:
	tests/run quick
# The demo builds after its set-up, because that installs musl-gcc.
demo:
	examples/demo
