/* Lines that describe frames -> the bytes of a WebSocket: the input of tests/streams/websocket (its README.md says how they
 * are written), of test_websocket and of the fuzzer's seeds. Compresses as a sender of RFC 7692 does. */
#ifndef SHADOWTAP_WEBSOCKET_SCRIPT_H
#define SHADOWTAP_WEBSOCKET_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct frame_script {
	uint8_t bytes[1 << 16];
	size_t n;
};

struct frame_sender {
	z_stream z;
	bool begun, alone;
	int bits;
};

static inline void frame_put(struct frame_script *s, bool fin, unsigned rsv, unsigned opcode, bool masked, const uint8_t *p, size_t n)
{
	static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
	if (s->n + n + 14 > sizeof s->bytes)
		abort();
	uint8_t *out = s->bytes + s->n;
	*out++ = (uint8_t)((fin ? 0x80 : 0) | rsv << 4 | opcode);
	uint8_t m = masked ? 0x80 : 0;
	if (n < 126) {
		*out++ = (uint8_t)(m | n);
	} else {
		*out++ = m | 126;
		*out++ = (uint8_t)(n >> 8);
		*out++ = (uint8_t)n;
	}
	if (masked) {
		memcpy(out, mask, 4);
		out += 4;
	}
	for (size_t i = 0; i < n; i++)
		*out++ = masked ? p[i] ^ mask[i & 3] : p[i];
	s->n = (size_t)(out - s->bytes);
}

static inline size_t frame_compress(struct frame_sender *z, const uint8_t *p, size_t n, uint8_t *out, size_t cap)
{
	if (!z->begun || z->alone) {
		if (z->begun)
			deflateEnd(&z->z);
		memset(&z->z, 0, sizeof z->z);
		if (deflateInit2(&z->z, 9, Z_DEFLATED, -(z->bits ? z->bits : 15), 8, Z_DEFAULT_STRATEGY) != Z_OK)
			abort();
		z->begun = true;
	}
	z->z.next_in = (Bytef *)(uintptr_t)p;
	z->z.avail_in = (uInt)n;
	z->z.next_out = out;
	z->z.avail_out = (uInt)cap;
	if (deflate(&z->z, Z_SYNC_FLUSH) != Z_OK || z->z.avail_out == 0)
		abort();
	return cap - z->z.avail_out - 4; /* the tail of RFC 7692 7.2.1 */
}

static inline size_t frame_unescape(const char *text, uint8_t *out)
{
	size_t n = 0;
	for (; *text; text++) {
		unsigned value = (uint8_t)*text;
		if (*text == '%') {
			if (sscanf(text + 1, "%2x", &value) != 1)
				abort();
			text += 2;
		}
		out[n++] = (uint8_t)value;
	}
	return n;
}

/* "text:-z3 payload" */
static inline void frame_line(struct frame_script *s, struct frame_sender *z, bool masked, const char *line)
{
	static const char *const names[] = {"cont", "text", "binary", "", "", "", "", "", "close", "ping", "pong"};
	static uint8_t payload[1 << 15], packed[1 << 15];
	size_t word = strcspn(line, " :");
	unsigned opcode = 0, rsv = 0, piece = 0;
	bool fin = true, compress = false;
	const char *at = line + word;
	if (*at == ':')
		for (at++; *at && *at != ' '; at++) {
			if (*at == '-')
				fin = false;
			else if (*at == 'u')
				masked = !masked;
			else if (*at == 'z')
				compress = true;
			else if (compress)
				piece = (unsigned)(*at - '0');
			else
				rsv |= *at == '1' ? 4u : *at == '2' ? 2u : 1u;
		}
	size_t n = frame_unescape(*at ? at + 1 : at, payload);
	if (strncmp(line, "raw", 3) == 0) {
		memcpy(s->bytes + s->n, payload, n);
		s->n += n;
		return;
	}
	while (opcode < 11 && (strlen(names[opcode]) != word || strncmp(names[opcode], line, word) != 0))
		opcode++;
	if (opcode == 11)
		abort();
	if (!compress) {
		frame_put(s, fin, rsv, opcode, masked, payload, n);
		return;
	}
	n = frame_compress(z, payload, n, packed, sizeof packed);
	size_t step = piece ? piece : n;
	for (size_t from = 0; from < n || from == 0; from += step) {
		size_t part = n - from < step ? n - from : step;
		frame_put(s, from + part == n, from ? 0 : 4, from ? 0 : opcode, masked, packed + from, part);
	}
}

#endif
