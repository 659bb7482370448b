/* Observation + sensor name -> event_id, by the recipe of docs/events.md. Called by event_from and by whoever must name
 * an event before it exists. Takes in no capture name, frame number or wall clock: the same traffic keeps its ids. */
#ifndef SHADOWTAP_EVENT_ID_H
#define SHADOWTAP_EVENT_ID_H

#include "event.h"

/* 0, or FAIL_MEMORY. */
int event_id(const struct observation *o, const char *sensor, char ret[EVENT_ID_TEXT]);

/* "vlan:10", or "ipip" where the layer has no number; also the text of the event's `encapsulation`. */
#define ENCAP_TEXT 32
void encap_layer_format(const struct encap *e, size_t i, char out[ENCAP_TEXT]);

#endif
