# xfrmpair: static programs into $(BUILD), nothing else needed than make and a C compiler.
#
#   make          build/xfrmpair build/espdecap build/natprobe
#   make demo     the main job, shown
#   make test     every test; says what it needs if something is missing
#
# CC= chooses the compiler; SANITIZE=1 builds with ASan and UBSan (dynamically).

VERSION = 0.1
BUILD   = build

# musl makes the smallest static programs; its compiler needs the system's kernel headers named.
KERNEL_HEADERS := -idirafter /usr/include -idirafter /usr/include/$(shell uname -m)-linux-gnu
ifeq ($(origin CC),default)
CC := $(shell printf '\#include <linux/filter.h>\nint main(void) { return 0; }\n' | \
        musl-gcc $(KERNEL_HEADERS) -x c -o /dev/null - 2>/dev/null && echo musl-gcc || echo cc)
endif

WARNINGS = -Wall -Wextra -Wshadow -Wconversion -Werror
CFLAGS   = -Os
CFLAGS_ALL = -std=c11 -D_GNU_SOURCE -DVERSION='"$(VERSION)"' $(WARNINGS) -Ihelper \
             -ffunction-sections -fdata-sections $(CFLAGS)
LDFLAGS_ALL = -Wl,--gc-sections -s $(LDFLAGS)

ifdef SANITIZE
CFLAGS_ALL  += -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS_ALL = -fsanitize=address,undefined $(LDFLAGS)
else ifneq ($(findstring musl,$(CC)),)
CFLAGS_ALL  += $(KERNEL_HEADERS)
LDFLAGS_ALL += -static
else
CFLAGS_ALL  += -fPIE
LDFLAGS_ALL += -static-pie
endif
