#include "program.h"
#include "template.h"
#include "view.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Wanted by a script that has one of these bits; 0: by every script. */
struct part {
	const char *name;
	unsigned wanted_by;
};

static const struct part parts[] = {
	{ "core", 0 },
	{ "epochs", 0 },
	{ "look", 0 },
	{ "interface", SHAPE_INTERFACE },
	{ "routes", SHAPE_TUNNEL },
	{ "neighbours", SHAPE_NEIGHBOURS },
	{ "forwarding", SHAPE_FORWARDS },
	{ "tables", SHAPE_SITE | SHAPE_CLAMP },
	{ "rules", 0 },
	{ "punch", SHAPE_PUNCHES },
	{ "helper", SHAPE_ENCAP },
	{ "router", SHAPE_ENCAP },
	{ "guard", SHAPE_GUARD },
	{ "up", 0 },
	{ "down", 0 },
	{ "status", 0 },
	{ "fingerprint", SHAPE_EXCHANGED },
	{ "rekey", 0 },
	{ "follow", 0 },
	{ "check", 0 },
	{ "capture", 0 },
	{ "main", 0 },
};

static const struct part adds[] = {
	{ "interface", SHAPE_INTERFACE },
	{ "address", SHAPE_ADDRESS },
	{ "routes", SHAPE_TUNNEL },
	{ "neighbours", SHAPE_NEIGHBOURS },
	{ "forwarding", SHAPE_FORWARDS },
	{ "clamp", SHAPE_CLAMP },
	{ "exempt", SHAPE_SITE },
	{ "helper", SHAPE_ENCAP },
};

static bool is_wanted(const struct part *part, unsigned shape)
{
	return !part->wanted_by || part->wanted_by & shape;
}

static void print_names(struct text *out, const struct part *list, size_t count, unsigned shape)
{
	const char *between = "";

	for (size_t i = 0; i < count; i++)
		if (is_wanted(&list[i], shape)) {
			text_printf(out, "%s%s", between, list[i].name);
			between = " ";
		}
}

/* In a block of its own, for shellcheck's directive counts for the command that follows. */
void program_add(struct text *out, unsigned shape)
{
	text_printf(out, "# shellcheck disable=SC2012,SC2015,SC2034,SC2046,SC2086,SC2116%s # lists of words, conditions in a row\n{\n",
	            shape & SHAPE_EXCHANGED ? ",SC2317" : ""); /* status() is there twice */
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (is_wanted(&parts[i], shape)) {
			char file[32];
			const char *text;

			snprintf(file, sizeof file, "program/%s.sh", parts[i].name);
			text = template_text(file);
			text_add(out, text, strlen(text));
		}
	text_printf(out, "}\n");
}

/* As cksum(1) of POSIX prints it: the CRC of ISO/IEC 8802-3, the length's bytes after the text's, complemented.  Four bits at once. */
static uint32_t crc_byte(uint32_t crc, unsigned byte)
{
	static const uint32_t of_bits[16] = {
		0x00000000, 0x04c11db7, 0x09823b6e, 0x0d4326d9, 0x130476dc, 0x17c56b6b, 0x1a864db2, 0x1e475005,
		0x2608edb8, 0x22c9f00f, 0x2f8ad6d6, 0x2b4bcb61, 0x350c9b64, 0x31cd86d3, 0x3c8ea00a, 0x384fbdbd,
	};

	crc = crc << 4 ^ of_bits[crc >> 28 ^ byte >> 4];
	return crc << 4 ^ of_bits[crc >> 28 ^ (byte & 15)];
}

static uint32_t cksum(const char *bytes, size_t length)
{
	uint32_t crc = 0;

	for (size_t i = 0; i < length; i++)
		crc = crc_byte(crc, (unsigned char)bytes[i]);
	for (; length; length >>= 8)
		crc = crc_byte(crc, length & 0xff);
	return ~crc;
}

void program_print_line(struct text *out, unsigned shape, const struct text *program)
{
	text_printf(out, "xfrmpair %s, parts ", VERSION);
	print_names(out, parts, sizeof parts / sizeof *parts, shape);
	text_printf(out, ", cksum %u", (unsigned)cksum(program->bytes, program->length));
}

void program_print_adds(struct text *out, unsigned shape)
{
	print_names(out, adds, sizeof adds / sizeof *adds, shape);
}
