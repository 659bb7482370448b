/* Messages on their way to the recorder: a bounded queue and the thread that sends. The packet path only ever appends. Used by the
 * sensor process. */
#ifndef SHADOWTAP_OUTBOX_H
#define SHADOWTAP_OUTBOX_H

#include "channel.h"

struct outbox;

struct outbox *outbox_new(int socket); /* starts the thread; NULL when out of memory or threads */
/* Copies the payload. False if there is no room (LIMIT_SENSOR_OUTBOX) or no memory; urgent ones always have room. */
bool outbox_put(struct outbox *o, enum message_type type, const void *payload, size_t n, bool urgent);
size_t outbox_bytes(struct outbox *o);
/* Waits until all is sent, no longer than timeout_ms; false if it was not. */
bool outbox_flush(struct outbox *o, int timeout_ms);

#endif
