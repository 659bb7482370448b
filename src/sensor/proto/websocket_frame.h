/* The first bytes of a WebSocket frame -> its header (RFC 6455 5.2), and whether a segment begins with frames that
 * carry JSON-RPC. Called by websocket and app_stream. Keeps nothing, judges no sequence of frames. */
#ifndef SHADOWTAP_WEBSOCKET_FRAME_H
#define SHADOWTAP_WEBSOCKET_FRAME_H

#include "slice.h"

enum { WEBSOCKET_HEADER_MAX = 14 };

enum websocket_opcode { WS_CONTINUATION = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

/* What a frame is in breach of by itself. */
enum websocket_breach {
	WS_BREACH_NONE,
	WS_BREACH_LENGTH,  /* more bytes than needed write its length (5.2); it can be read all the same */
	WS_BREACH_OPCODE,  /* reserved opcode, or a control frame that is long or a fragment (5.5) */
	WS_BREACH_ENDLESS, /* the highest bit of a 64-bit length is set (5.2): no place to read on from */
};

struct websocket_frame {
	bool fin, masked;
	uint8_t rsv; /* the three bits, RSV1 is 4 */
	uint8_t opcode;
	uint8_t mask[4];
	uint64_t length;
	enum websocket_breach breach;
};

/* How many bytes the header that starts so has; 2 while fewer than 2 are known. */
size_t websocket_header_size(struct slice first);
/* header: exactly websocket_header_size() bytes. */
void websocket_frame_read(struct slice header, struct websocket_frame *ret);
static inline bool websocket_is_control(uint8_t opcode)
{
	return opcode & 8;
}

/* Whether a segment begins with a frame, and one of the frames that follow each other in it up to its end is a text
 * that is a JSON-RPC message, as far as the segment shows it; *ret_masked says which side masks, which is the client's
 * (RFC 6455 5.1). Compressed frames show nothing and do not count. */
bool websocket_looks_like(struct slice segment, bool *ret_masked);

#endif
