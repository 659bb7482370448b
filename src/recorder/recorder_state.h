/* The inside of the recorder, for the files of this folder: what it remembers, and the road of a record. */
#ifndef SHADOWTAP_RECORDER_STATE_H
#define SHADOWTAP_RECORDER_STATE_H

#include "audit.h"
#include "catalog.h"
#include "recorder.h"
#include "session_book.h"

struct recorder {
	struct recorder_config config;
	struct recorder_counts counts;
	struct session_book *book;
	struct catalog *catalog;
	struct name_book *names;
	struct audit *audit;  /* NULL: no call was told of yet */
};

/* One record of its kind; recorder_take() has counted it. What its decoder refuses is counted as invalid and is no failure. */
typedef int recorder_record_fn(struct recorder *r, const uint8_t *bytes, size_t n);

recorder_record_fn recorder_observation; /* recorder_observation.c */
recorder_record_fn recorder_offer;       /* recorder_offer.c */
recorder_record_fn recorder_call;        /* recorder_call.c */
recorder_record_fn recorder_names;       /* recorder_names.c */
int recorder_call_end(struct recorder *r, bool lost); /* as audit_end() */
session_tell_fn recorder_session_news;   /* likewise; its context is the recorder */

/* recorder_tell.c: the rest of the road, for an observation of any kind, with what is known beyond it: names from DNS, findings and
 * tags are added to links, the policy judges, on_event is told. *ret_verdict (NULL: not asked for) is untouched on failure. */
int recorder_tell(struct recorder *r, const struct observation *o, struct event_links *links, enum verdict *ret_verdict);
/* The same, to on_settled: the event ended, and nothing further is expected of it. Its links as they were handed to recorder_tell().
 * *ret_acknowledged: what it said. */
int recorder_tell_settled(struct recorder *r, const struct observation *o, struct event_links *links, bool *ret_acknowledged);

#endif
