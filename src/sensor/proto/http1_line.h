/* First bytes -> could this be the start line of HTTP/1.x? For the choice of a protocol and for finding a head again
 * after lost bytes. Called by app_stream and http1. Reads one line at most; parses nothing (llhttp does). */
#ifndef SHADOWTAP_HTTP1_LINE_H
#define SHADOWTAP_HTTP1_LINE_H

#include "slice.h"
#include "status.h"

/* True only if bytes start with a complete request line (or status line), line end included. */
bool http1_line_complete(struct slice bytes, enum direction d);

#endif
