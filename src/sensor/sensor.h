/* Frames -> observations: the sensor half as a whole. Called by cli. sensor_feed() is the function to read first.
 * Opens nothing, prints nothing, reads no clock: packet time is all it knows. */
#ifndef SHADOWTAP_SENSOR_H
#define SHADOWTAP_SENSOR_H

#include "evidence_ring.h"
#include "frame.h"
#include "keylog.h"
#include "packet.h"
#include "sensor_counts.h"

struct sensor;
struct signature_set;

#define SENSOR_WORKERS_MAX 32

/* A packet of a connection that is wanted (sensor_want). Borrowed. comment: of the first one after that, else NULL.
 * In the thread that called sensor_feed, sensor_flush or sensor_end. */
typedef void sensor_evidence_fn(void *context, const struct frame *f, const char *comment);

struct sensor_config {
	struct signature_set *signatures;       /* held (signature_set_hold), not taken over */
	unsigned workers;                       /* 1..SENSOR_WORKERS_MAX; 1 works in the caller's thread */
	bool lazy;                              /* nDPI is set up when it is first asked: it may open files then */
	struct hash_key shard_key;              /* replay: fixed, so that caps fall the same way each time; live: random */
	struct hash_key session_key;            /* session ids become keys under it; live: random, and kept by a restarted sensor */
	bool definition_texts;                  /* of what servers offer, not only their hashes */
	bool audit;                             /* each request and what became of it; off, it costs nothing */
	size_t evidence_bytes;                  /* memory for packets that may become evidence; 0: none are kept */
	sensor_evidence_fn *on_evidence;        /* called with the context of sensor_new() */
};

/* bytes: an encoded observation, borrowed. In order of the packets that caused them, whatever the number of workers;
 * in the thread that called sensor_feed, sensor_flush or sensor_end. */
typedef void sensor_observation_fn(void *context, const uint8_t *bytes, size_t n);

/* FAIL_MEMORY, or FAIL_IO where threads cannot be had. */
int sensor_new(const struct sensor_config *config, sensor_observation_fn *on_observation, void *context, struct sensor **ret);

/* stable: the frame's bytes stay where they are until sensor_flush(). FAIL_MEMORY. */
int sensor_feed(struct sensor *s, const struct frame *f, bool stable);

/* A packet that was decoded elsewhere (struct lane). Its bytes stay where they are until sensor_flush(). */
int sensor_packet(struct sensor *s, const struct packet *p);

/* It is now_ns of packet time and no packet came: flows age, holes are given up. Cheap within the same second. */
int sensor_tick(struct sensor *s, int64_t now_ns);

/* The clock that stamps packets was set, by so much: ages count on, nothing ends because of it. */
int sensor_clock_stepped(struct sensor *s, int64_t by_ns);

/* New connections are read with this set, those that are open keep theirs. Held. After sensor_flush(). */
void sensor_set_signatures(struct sensor *s, struct signature_set *set);

/* Everything fed so far is read and its observations are handed over when this returns. */
int sensor_flush(struct sensor *s);

/* Hands over the packets that are still there of the connection that gave an observation with this first_frame and
 * capture, and from then on all that follow, until it has had LIMIT_EVIDENCE_CONNECTION_BYTES. In packet order
 * within a connection; the same for any number of workers. Of a datagram in fragments only the last frame is there.
 * To be called from within sensor_observation_fn, or while nothing has been fed since sensor_flush(); what is wanted
 * is handed over when the observations at hand are, at the latest in the next sensor_flush(). Until then a later
 * comment replaces an earlier one, and afterwards a new one goes with the connection's next packet. FAIL_MEMORY. */
int sensor_want(struct sensor *s, const struct evidence_id *id, const char *comment);

/* TLS is decrypted from now on, with what sensor_secrets() brings. later: also with what comes only after the packets that it opens, so these
 * are kept for a while (limits.h). FAIL_MEMORY. */
int sensor_secrets_expect(struct sensor *s, bool later);
/* More bytes of a key log, from the packets on that are fed behind them; what waits is tried again. from: the caller's, one for each
 * file. whole: there is nothing behind them. on_bad: see keylog_read(), or NULL. FAIL_MEMORY. */
int sensor_secrets(struct sensor *s, struct keylog *from, struct slice bytes, bool whole, keylog_bad_fn *on_bad, void *context);

/* The input ended: all connections end with it. More may be fed afterwards: it starts afresh. */
int sensor_end(struct sensor *s);

struct sensor_stats {
	uint64_t frames, frame_bytes, packets, held, other, refused; /* frames == packets + held + other + refused */
	struct flow_counts flows;
	struct shard_counts shards;
	struct anomaly_counts anomalies;
	struct label_counts labels;
	struct evidence_counts evidence;
	struct decryption_counts tls;
	struct {
		uint64_t flows, work, fragments, secrets; /* bytes */
	} memory;
};
void sensor_stats(const struct sensor *s, struct sensor_stats *ret); /* after sensor_flush() */

void sensor_free(struct sensor *s);

#endif
