/* What DNS says of a connection -> its name, confidence and reason in the event, and whether its own name is in doubt. Called by the recorder: once
 * per connection to find out, kept with its entry in the book, and for each event to apply it. Says nothing of who is approved. */
#ifndef SHADOWTAP_RECORDER_NAMES_H
#define SHADOWTAP_RECORDER_NAMES_H

#include "event.h"
#include "name_book.h"

/* Of one connection, from malloc: found out with the first observation that needs it, and the same from then on, whatever DNS says later. */
struct recorder_naming {
	bool named, checked;          /* looked up; held against the client's answers */
	enum name_check check;
	enum confidence confidence;   /* that DNS lends it */
	bool one;                     /* the address had one name for the client: name is it */
	bool sni_fits;                /* ... and the outer server name is that one */
	struct observed_reason reason;
	char signature[LIMIT_SIGNATURE_ID], detail[LIMIT_DETAIL], name[HOSTNAME_TEXT];
};

/* *kept: of the connection, or NULL; made where it is needed. 0, or FAIL_MEMORY. */
int recorder_naming_find(struct name_book *b, const struct observation *o, struct recorder_naming **kept);

/* An observation with what DNS adds; o borrows from here. */
struct recorder_named {
	struct observation o;
	struct observed_reason reasons[LIMIT_REASONS + 1];
};
void recorder_naming_apply(const struct recorder_naming *kept, const struct observation *o, struct recorder_named *ret, struct event_links *links);

/* For the policy: as o, with the name that stands for the server's where the connection itself shows none. */
struct observation recorder_judged(const struct observation *o, const struct event_links *links);

#endif
