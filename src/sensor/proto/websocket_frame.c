#include "websocket_frame.h"
#include "cursor.h"

/* As much of a frame as is looked at for the member that makes it JSON-RPC: some write it last. */
enum { LOOK_BYTES = 4096 };

size_t websocket_header_size(struct slice first)
{
	if (first.n < 2)
		return 2;
	size_t length = first.p[1] & 0x7f;
	return 2 + (length == 127 ? 8u : length == 126 ? 2u : 0u) + (first.p[1] & 0x80 ? 4u : 0u);
}

void websocket_frame_read(struct slice header, struct websocket_frame *ret)
{
	struct cursor c = cursor_of(header);
	uint8_t first = cursor_u8(&c), second = cursor_u8(&c);
	*ret = (struct websocket_frame){.fin = first & 0x80,
					.rsv = first >> 4 & 7,
					.opcode = first & 15,
					.masked = second & 0x80,
					.length = second & 0x7f};
	if (ret->length == 126) {
		ret->length = cursor_be16(&c);
		ret->breach = ret->length < 126 ? WS_BREACH_LENGTH : WS_BREACH_NONE;
	} else if (ret->length == 127) {
		ret->length = (uint64_t)cursor_be32(&c) << 32;
		ret->length |= cursor_be32(&c);
		ret->breach = ret->length >> 63     ? WS_BREACH_ENDLESS
			      : ret->length < 65536 ? WS_BREACH_LENGTH
						    : WS_BREACH_NONE;
	}
	if (ret->masked) {
		struct slice mask = cursor_take(&c, sizeof ret->mask);
		if (mask.n)
			memcpy(ret->mask, mask.p, mask.n);
	}
	if (ret->breach == WS_BREACH_ENDLESS)
		return;
	if (ret->opcode > WS_PONG || (ret->opcode > WS_BINARY && ret->opcode < WS_CLOSE) ||
	    (websocket_is_control(ret->opcode) && (ret->length > 125 || !ret->fin)))
		ret->breach = WS_BREACH_OPCODE;
}

static bool is_jsonrpc(const struct websocket_frame *f, struct slice payload)
{
	static const char member[] = "\"jsonrpc\"";
	uint8_t text[LOOK_BYTES];
	payload = slice_first(payload, sizeof text);
	for (size_t i = 0; i < payload.n; i++)
		text[i] = payload.p[i] ^ f->mask[i & 3];
	struct slice s = slice_trim(slice_of(text, payload.n));
	if (s.n == 0 || (s.p[0] != '{' && s.p[0] != '['))
		return false;
	while (s.n >= sizeof member - 1) {
		size_t at = slice_find(s, '"');
		s = slice_after(s, at);
		if (slice_starts(s, member))
			return true;
		s = slice_after(s, 1);
	}
	return false;
}

bool websocket_looks_like(struct slice segment, bool *ret_masked)
{
	bool found = false;
	for (unsigned n = 0; segment.n; n++) {
		size_t size = websocket_header_size(segment);
		if (segment.n < size)
			break; /* the next frame's header is cut by the segment's end */
		struct websocket_frame f;
		websocket_frame_read(slice_first(segment, size), &f);
		segment = slice_after(segment, size);
		if (f.breach != WS_BREACH_NONE || (f.rsv & 3) || (n && f.masked != *ret_masked))
			return false;
		*ret_masked = f.masked;
		struct slice payload = slice_first(segment, f.length < segment.n ? (size_t)f.length : segment.n);
		if (f.opcode == WS_TEXT && f.rsv == 0)
			found |= is_jsonrpc(&f, payload);
		segment = slice_after(segment, payload.n);
	}
	return found;
}
