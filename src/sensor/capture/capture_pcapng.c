/* pcapng (draft-ietf-opsawg-pcapng): blocks -> frames. Sections may change the byte order and start a new list of
 * interfaces; each interface has a link type, snap length and clock of its own. Of blocks without
 * packets those with TLS secrets are handed over where somebody asks for them, the others walked over. */
#include "capture_reader.h"

#include "capture_link.h"
#include "capture_time.h"
#include "cursor.h"
#include "limits.h"
#include "status.h"
#include <stdlib.h>

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_OLD_PACKET = 2,
	BLOCK_SIMPLE_PACKET = 3,
	BLOCK_PACKET = 6,
	BLOCK_SECRETS = 10,
};

enum { OPTION_END = 0, OPTION_TSRESOL = 9, OPTION_TSOFFSET = 14 };

#define SECRETS_TLS 0x544c534bu /* "TLSK": a key log */
#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define BLOCK_HEADER 8
#define BLOCK_TRAILER 4
#define SECTION_START                                                                                                  \
	(BLOCK_HEADER + 4) /* up to the byte-order magic, which tells how to read the length before it                 \
			    */
#define TSRESOL_DEFAULT 6

struct capture_interface {
	uint32_t link_type;
	uint32_t snaplen; /* 0: no limit */
	int64_t offset_s;
	uint8_t tsresol;
};

static uint16_t body_u16(struct cursor *c, bool swapped)
{
	struct slice s = cursor_take(c, 2);
	return s.n ? capture_u16(s.p, swapped) : 0;
}

static uint32_t body_u32(struct cursor *c, bool swapped)
{
	struct slice s = cursor_take(c, 4);
	return s.n ? capture_u32(s.p, swapped) : 0;
}

static uint64_t body_time(struct cursor *c, bool swapped)
{
	uint64_t high = body_u32(c, swapped);
	return high << 32 | body_u32(c, swapped);
}

static int64_t body_i64(struct slice s, bool swapped)
{
	uint64_t v;
	memcpy(&v, s.p, sizeof v);
	return (int64_t)(swapped ? __builtin_bswap64(v) : v);
}

static int section_begin(struct capture_file *f, struct cursor *body)
{
	struct capture_pcapng *r = &f->pcapng;
	cursor_skip(body, 4);
	uint16_t major = body_u16(body, r->swapped);
	cursor_skip(body, 2 + 8); /* minor version; section length, which a writer to a pipe cannot know */
	if (!cursor_ok(body))
		return capture_reader_fail(f, FAIL_INPUT,
					   "expected a pcapng section header, found a block too short for it");
	if (major != 1)
		return capture_reader_fail(f, FAIL_INPUT, "expected pcapng version 1, found %u", major);
	r->n_interfaces = 0;
	return 0;
}

static int interface_options(struct capture_file *f, struct cursor *body, struct capture_interface *ret)
{
	bool swapped = f->pcapng.swapped;
	while (cursor_left(body)) {
		uint16_t code = body_u16(body, swapped);
		uint16_t n = body_u16(body, swapped);
		struct slice value = cursor_take(body, n);
		cursor_skip(body, (4 - n % 4u) % 4);
		/* A clock that is read wrongly would put all that follows into the wrong order: no guessing. */
		if (!cursor_ok(body))
			return capture_reader_fail(f, FAIL_INPUT,
						   "expected interface options, found one that ends behind its block");
		if (code == OPTION_END)
			break;
		if (code == OPTION_TSRESOL && n == 1)
			ret->tsresol = value.p[0];
		if (code == OPTION_TSOFFSET && n == 8)
			ret->offset_s = body_i64(value, swapped);
	}
	return 0;
}

static int interface_add(struct capture_file *f, struct cursor *body)
{
	struct capture_pcapng *r = &f->pcapng;
	struct capture_interface new = {.tsresol = TSRESOL_DEFAULT};
	new.link_type = capture_link_of_field(body_u16(body, r->swapped));
	cursor_skip(body, 2);
	new.snaplen = body_u32(body, r->swapped);
	if (!cursor_ok(body))
		return capture_reader_fail(f, FAIL_INPUT,
					   "expected an interface description, found a block too short for it");
	int fail = interface_options(f, body, &new);
	if (fail)
		return fail;
	if (r->n_interfaces == LIMIT_PCAPNG_INTERFACES)
		return capture_reader_fail(f, FAIL_INPUT, "expected at most %u interfaces, found more",
					   LIMIT_PCAPNG_INTERFACES);
	if (r->n_interfaces == r->room) {
		uint32_t room = r->room ? r->room * 2 : 4;
		struct capture_interface *larger = realloc(r->interfaces, room * sizeof *larger);
		if (!larger)
			return capture_reader_fail(f, FAIL_MEMORY, "out of memory");
		r->interfaces = larger;
		r->room = room;
	}
	r->interfaces[r->n_interfaces++] = new;
	return 0;
}

/* 1 and a frame, or a fail. The block is whole; body is what lies between its header and its trailer. */
static int packet_frame(struct capture_file *f, uint32_t type, struct cursor *body, struct frame *ret)
{
	struct capture_pcapng *r = &f->pcapng;
	uint32_t id = 0, caplen, len;
	uint64_t ticks = 0;
	if (type == BLOCK_PACKET)
		id = body_u32(body, r->swapped);
	if (type == BLOCK_OLD_PACKET) {
		id = body_u16(body, r->swapped);
		cursor_skip(body, 2); /* drops */
	}
	if (id >= r->n_interfaces)
		return capture_reader_fail(f, FAIL_INPUT,
					   "expected a packet of an interface below %u, found interface %u",
					   r->n_interfaces, id);
	const struct capture_interface *interface = &r->interfaces[id];
	if (type == BLOCK_SIMPLE_PACKET) {
		len = body_u32(body, r->swapped);
		/* Its captured length is written nowhere: the snap length or the block ends the packet. */
		caplen = interface->snaplen && interface->snaplen < len ? interface->snaplen : len;
		if (caplen > cursor_left(body))
			caplen = (uint32_t)cursor_left(body);
	} else {
		ticks = body_time(body, r->swapped);
		caplen = body_u32(body, r->swapped);
		len = body_u32(body, r->swapped);
	}
	if (caplen > LIMIT_FRAME_BYTES)
		return capture_reader_fail(f, FAIL_INPUT, "expected a packet of at most %u bytes, found a length of %u",
					   LIMIT_FRAME_BYTES, caplen);
	size_t room = cursor_left(body);
	struct slice data = cursor_take(body, caplen);
	if (!cursor_ok(body))
		return capture_reader_fail(f, FAIL_INPUT, "expected a packet of %u bytes, found %zu in its block",
					   caplen, room);
	ret->data = data.p;
	ret->caplen = caplen;
	ret->len = len < caplen ? caplen : len;
	ret->link_type = interface->link_type;
	/* A simple packet has no time; the packet before it is the best that is known. */
	if (type != BLOCK_SIMPLE_PACKET)
		r->last_ns = capture_time_ns(ticks, interface->tsresol, interface->offset_s);
	ret->time_ns = r->last_ns;
	ret->number = ++f->frames;
	return 1;
}

/* Makes the whole next block available. 0 is the end. */
static int block_need(struct capture_file *f, uint32_t *ret_type, uint32_t *ret_length)
{
	struct capture_pcapng *r = &f->pcapng;
	struct capture_input *in = &f->input;
	int have = capture_input_need(in, BLOCK_HEADER);
	if (have != CAPTURE_READY)
		return capture_reader_short(f, have, BLOCK_HEADER, "a block header");
	uint32_t type = capture_u32(in->p, r->swapped);
	if (type == BLOCK_SECTION) { /* the same in either byte order */
		have = capture_input_need(in, SECTION_START);
		if (have != CAPTURE_READY)
			return capture_reader_short(f, have, SECTION_START, "a section header");
		uint32_t magic = capture_u32(in->p + BLOCK_HEADER, false);
		if (magic != BYTE_ORDER_MAGIC && magic != __builtin_bswap32(BYTE_ORDER_MAGIC))
			return capture_reader_fail(
			    f, FAIL_INPUT, "expected the byte-order magic of a section, found 0x%08x", (unsigned)magic);
		r->swapped = magic != BYTE_ORDER_MAGIC;
	}
	uint32_t length = capture_u32(in->p + 4, r->swapped);
	if (length < BLOCK_HEADER + BLOCK_TRAILER || length % 4 || length > LIMIT_PCAPNG_BLOCK)
		return capture_reader_fail(f, FAIL_INPUT,
					   "expected a block length that is a multiple of 4, from %u to %u, found %u",
					   BLOCK_HEADER + BLOCK_TRAILER, LIMIT_PCAPNG_BLOCK, length);
	have = capture_input_need(in, length);
	if (have != CAPTURE_READY)
		return capture_reader_short(f, have, length, "a block");
	uint32_t again = capture_u32(in->p + length - BLOCK_TRAILER, r->swapped);
	if (again != length)
		return capture_reader_fail(
		    f, FAIL_INPUT, "expected the block length %u again at the block's end, found %u", length, again);
	*ret_type = type;
	*ret_length = length;
	return CAPTURE_READY;
}

/* A length that does not fit into its block says nothing about the packets: the block is passed over. */
static void secrets_take(struct cursor *body, bool swapped, capture_secrets_fn *on_secrets, void *context)
{
	uint32_t kind = body_u32(body, swapped), n = body_u32(body, swapped);
	struct slice data = cursor_take(body, n);
	if (on_secrets && cursor_ok(body) && kind == SECRETS_TLS && data.n)
		on_secrets(context, data.p, data.n);
}

/* From block header to block header: where one is damaged, reading will end too. */
static void look_through(const struct capture_file *f, capture_secrets_fn *on_secrets, void *context)
{
	const uint8_t *p = f->input.p, *end = f->input.end;
	bool swapped = f->pcapng.swapped;
	while ((size_t)(end - p) >= SECTION_START) {
		uint32_t type = capture_u32(p, swapped);
		if (type == BLOCK_SECTION)
			swapped = capture_u32(p + BLOCK_HEADER, false) != BYTE_ORDER_MAGIC;
		uint32_t length = capture_u32(p + 4, swapped);
		if (length < BLOCK_HEADER + BLOCK_TRAILER || length % 4 || length > LIMIT_PCAPNG_BLOCK || length > (size_t)(end - p))
			return;
		struct cursor body = cursor_of(slice_of(p + BLOCK_HEADER, length - BLOCK_HEADER - BLOCK_TRAILER));
		if (type == BLOCK_SECRETS)
			secrets_take(&body, swapped, on_secrets, context);
		p += length;
	}
}

static int pcapng_next_frame(struct capture_file *f, struct frame *ret)
{
	for (;;) {
		uint32_t type = 0, length = 0;
		int have = block_need(f, &type, &length);
		if (have != CAPTURE_READY)
			return have;
		const uint8_t *p = f->input.p;
		struct cursor body = cursor_of(slice_of(p + BLOCK_HEADER, length - BLOCK_HEADER - BLOCK_TRAILER));
		int outcome = 0;
		switch (type) {
		case BLOCK_SECTION: outcome = section_begin(f, &body); break;
		case BLOCK_INTERFACE: outcome = interface_add(f, &body); break;
		case BLOCK_PACKET:
		case BLOCK_OLD_PACKET:
		case BLOCK_SIMPLE_PACKET: outcome = packet_frame(f, type, &body, ret); break;
		case BLOCK_SECRETS: secrets_take(&body, f->pcapng.swapped, f->pcapng.on_secrets, f->pcapng.secrets_context); break;
		default: break;
		}
		if (outcome < 0)
			return outcome;
		f->input.p = p + length;
		if (outcome == 1)
			return 1;
	}
}

static void pcapng_done(struct capture_file *f)
{
	free(f->pcapng.interfaces);
}

bool capture_pcapng_secrets(struct capture_file *f, capture_secrets_fn *on_secrets, void *context)
{
	if (f->next != pcapng_next_frame)
		return false;
	if (f->input.map) {
		look_through(f, on_secrets, context);
		return false;
	}
	f->pcapng.on_secrets = on_secrets;
	f->pcapng.secrets_context = context;
	return true;
}

int capture_pcapng_open(struct capture_file *f)
{
	if (capture_u32(f->input.p, false) != BLOCK_SECTION)
		return 0;
	f->pcapng = (struct capture_pcapng){0};
	f->next = pcapng_next_frame;
	f->done = pcapng_done;
	return 1;
}
