/* The socketpair between the two halves -> typed messages, some with a descriptor. Used by both sides: the recorder believes nothing
 * of what comes up it before it has looked at it. What crosses: down, signatures, key logs, evidence files, which connections gave events; up, observations,
 * counters, notices. */
#ifndef SHADOWTAP_CHANNEL_H
#define SHADOWTAP_CHANNEL_H

#include "slice.h"

enum message_type {
	/* up */
	MESSAGE_READY = 1,   /* captures are open, the process is confined: struct channel_ready */
	MESSAGE_FAILED,      /* it cannot start: enum channel_failure in one byte, then a sentence; the process ends */
	MESSAGE_OBSERVATION, /* observation.h */
	MESSAGE_COUNTERS,    /* counters.h; each second: also the sign of life */
	MESSAGE_NOTICE,      /* struct channel_notice */
	MESSAGE_FILE_FULL,   /* the evidence file has reached its size: the next one is wanted */
	MESSAGE_DRAINED,     /* all connections have ended, nothing further will come */
	/* down */
	MESSAGE_SIGNATURES = 64, /* signature_bundle.h */
	MESSAGE_WANTED,          /* struct channel_wanted */
	MESSAGE_EVIDENCE_FILE,   /* comes with a descriptor; without one: write no more */
	MESSAGE_DRAIN,           /* end all connections, say so, end */
	MESSAGE_KEYLOG,          /* struct channel_keylog: secrets; whoever read them wipes them */
};

/* Whole messages are written; waits while the other side does not read (SO_SNDTIMEO ends that). fd: passed along, stays open here; -1: none.
 * 0, or FAIL_IO: the channel is then of no more use. Never raises SIGPIPE. */
int channel_send(int socket, enum message_type type, const void *payload, size_t n, int fd);

struct message {
	uint32_t type;
	struct slice payload; /* borrowed until the next call with the reader */
	int fd;               /* the taker's to close, or -1 */
};

enum {
	CHANNEL_FDS = 8,
	/* flags of a reader */
	CHANNEL_TAKES_FDS = 1, /* without it descriptors that come along are not even received */
	CHANNEL_NO_WAIT = 2,   /* FAIL_IO with EAGAIN where there is nothing at the moment */
	CHANNEL_WIPES = 4,     /* secrets come: of a message that was not whole yet no copy stays behind */
};

struct channel_reader {
	int socket;
	size_t most;    /* bytes of one message */
	unsigned flags;
	uint8_t *buffer;
	size_t at, n, cap;
	int fds[CHANNEL_FDS];
	unsigned n_fds;
	bool bad;       /* the other side broke the rules, or memory ran out: nothing more is read */
};

void channel_reader_init(struct channel_reader *r, int socket, size_t most, unsigned flags);
/* Reads once. >0: bytes came; 0: the other side is gone (or bad); FAIL_IO: errno says. */
int channel_receive(struct channel_reader *r);
/* The next whole message of what was received. */
bool channel_next(struct channel_reader *r, struct message *ret);
void channel_reader_done(struct channel_reader *r);

/* ---- the small messages ---- */

struct channel_ready {
	bool confined, landlock;
};
enum channel_failure { CHANNEL_CANNOT_CAPTURE = 1, CHANNEL_CANNOT_CONFINE, CHANNEL_CANNOT_RUN };
enum channel_notice_kind { NOTICE_DOWN = 1, NOTICE_UP, NOTICE_LOST, NOTICE_REMARK };
struct channel_notice {
	enum channel_notice_kind kind;
	uint32_t capture;
	struct slice text; /* unchecked bytes: escape them */
};
struct channel_wanted {
	uint32_t capture;
	uint64_t first_frame;
	struct slice comment;
};
#define CHANNEL_TEXT 2048 /* longer texts are cut */
struct channel_keylog {
	uint8_t file;       /* which of those that the sensor was started with */
	bool afresh;        /* the bytes are the first of a file */
	struct slice bytes; /* LIMIT_KEYLOG_CHUNK at most */
};

int channel_send_ready(int socket, const struct channel_ready *r);
bool channel_read_ready(struct slice payload, struct channel_ready *ret);
int channel_send_failed(int socket, enum channel_failure why, const char *text);
bool channel_read_failed(struct slice payload, enum channel_failure *ret, struct slice *ret_text);
size_t channel_write_notice(const struct channel_notice *notice, uint8_t out[CHANNEL_TEXT + 8]);
bool channel_read_notice(struct slice payload, struct channel_notice *ret);
int channel_send_wanted(int socket, const struct channel_wanted *w);
bool channel_read_wanted(struct slice payload, struct channel_wanted *ret);
#define CHANNEL_KEYLOG_HEAD 2
/* payload: room for the head, then the bytes. */
int channel_send_keylog(int socket, const struct channel_keylog *k, uint8_t *payload);
bool channel_read_keylog(struct slice payload, struct channel_keylog *ret);

#endif
