/* The payload of compressed WebSocket messages -> their text (permessage-deflate, RFC 7692 7.2), one direction.
 * Called by websocket. Refuses to unfold more than limits.h allows, and to guess after its history is lost. */
#ifndef SHADOWTAP_WEBSOCKET_INFLATE_H
#define SHADOWTAP_WEBSOCKET_INFLATE_H

#include "slice.h"

enum websocket_unfold { WS_UNFOLD_OK, WS_UNFOLD_BAD, WS_UNFOLD_LIMIT, WS_UNFOLD_MEMORY };

struct websocket_inflate;

/* takeover: each message may refer back to those before it (7.1.1). NULL when out of memory. The window that the two
 * sides agreed on is no concern here: an inflater with the largest one reads them all. */
struct websocket_inflate *websocket_inflate_new(bool takeover);
/* Anything but WS_UNFOLD_OK: this message is lost; with takeover so are all that follow. */
enum websocket_unfold websocket_inflate_feed(struct websocket_inflate *w, struct slice bytes,
					     void (*sink)(void *context, struct slice plain), void *context);
/* The message ended: brings out what is left of it. */
enum websocket_unfold websocket_inflate_end(struct websocket_inflate *w,
					    void (*sink)(void *context, struct slice plain), void *context);
/* The message was lost: the next one starts afresh. Only without takeover. */
void websocket_inflate_restart(struct websocket_inflate *w);
size_t websocket_inflate_memory(const struct websocket_inflate *w);
void websocket_inflate_free(struct websocket_inflate *w);

#endif
