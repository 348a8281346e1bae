/* The table by which Wireshark 4.0 decrypts ESP: its file esp_sa. */
#ifndef WIRESHARK_H
#define WIRESHARK_H

#include "template.h"
#include "tunnel.h"

/* All that templates/esp_sa says; free it with scope_free(). */
struct scope *wireshark_describe(const struct tunnel *);

#endif
