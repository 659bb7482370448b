/* What the sensor counts, for summaries and statistics. Free of the parsers' headers, so that the recorder's side of cli
 * can include it. */
#ifndef SHADOWTAP_SENSOR_COUNTS_H
#define SHADOWTAP_SENSOR_COUNTS_H

#include "app_protocol.h"
#include "flow.h"
#include "hint.h"
#include "tcp_reasm.h"
#include "tls_decrypt.h"

/* Names that nDPI gave to flows which the first-bytes test left open. Per worker. */
struct label_counts {
	struct { char name[HINT_LABEL_TEXT]; uint64_t flows; } items[48];
	unsigned n;
	uint64_t other;
};

/* Packets kept for evidence files. */
struct evidence_counts {
	uint64_t connections; /* that were wanted and of which there was something */
	uint64_t frames;      /* handed over */
	uint64_t cut;         /* not handed over: the connection had its share */
	uint64_t overwritten; /* left the buffer before anybody knew whether they were evidence */
};

/* What became of TLS where there are secrets. */
struct decryption_counts {
	bool on;                     /* secrets are there or may come */
	struct tls_counts connections;
	struct tls_secrets_counts secrets;
};

struct shard_counts {
	struct tcp_counts tcp;
	uint64_t protocols[APP_OTHER + 1]; /* flows by what their first bytes said; of UDP only those that are read */
	uint64_t dns_messages;             /* questions and answers that ask for addresses */
	uint64_t out_of_memory;            /* times that an allocation failed */
};

#endif
