/* A connected socket as alert_exit_socket.c uses it: how to open it, write to it, and know that it still lives. One
 * file for each transport. */
#ifndef SHADOWTAP_ALERT_EXIT_WIRE_H
#define SHADOWTAP_ALERT_EXIT_WIRE_H

#include "alert_exit_kinds.h"

enum wire_health {
	WIRE_ALIVE,
	WIRE_ENDED,  /* the other side read what its kernel had, and closed */
	WIRE_BROKEN, /* it may have left unread what its kernel had */
};

struct wire;

struct wire_ops {
	int (*open)(struct wire *w, int64_t deadline_ms, char *error);
	/* 0, FAIL_IO, or FAIL_INPUT: this message is too long for the other side. */
	int (*write)(struct wire *w, const char *bytes, size_t n, int64_t deadline_ms, char *error);
	enum wire_health (*check)(struct wire *w, char *error);
	/* Also when it is not open. in_order: the other side is to be told, if the transport can. */
	void (*close)(struct wire *w, bool in_order);
	/* Certificates are read again before the next open. */
	void (*renew)(struct wire *w);
	void (*free)(struct wire *w);
};

struct wire {
	const struct wire_ops *ops;
	const struct exit_spec *spec;
	struct exit_names *names; /* alert_exit_connect.c */
	int fd;                   /* -1: not open */
	bool datagram;
	uint64_t written; /* bytes on this connection, as the kernel counts them */
	int settle_ms;    /* how long a message may sit unread in the other side's kernel */
	bool exact;       /* an empty queue means that all was read */
	int probation_ms; /* how long a new connection has to live before what was written on it counts, ... */
	bool accepted;    /* ... unless the other side has shown that it takes us */
};

/* 0, or FAIL_CONFIG or FAIL_MEMORY with a sentence. */
int wire_inet_new(const struct exit_spec *spec, struct wire **ret, char *error);  /* UDP, TCP */
int wire_local_new(const struct exit_spec *spec, struct wire **ret, char *error); /* local sockets */
int wire_tls_new(const struct exit_spec *spec, struct wire **ret, char *error);

/* Shared by the transports. */
struct wire *wire_plain_new(const struct exit_spec *spec, const struct wire_ops *ops, char *error); /* NULL when out of memory */
int wire_plain_write(struct wire *w, const char *bytes, size_t n, int64_t deadline_ms, char *error);
enum wire_health wire_plain_check(struct wire *w, char *error);
void wire_plain_close(struct wire *w, bool in_order);
void wire_plain_renew(struct wire *w);
void wire_plain_free(struct wire *w);
/* The other side has closed: did it read everything? */
enum wire_health wire_how_it_ended(struct wire *w, char *error);
/* Bytes that the other side's kernel has not taken yet (TCP), or that nobody has read (local); 0: all is gone. */
uint64_t wire_queued(const struct wire *w);

/* Connects to spec->host, trying its addresses in turn. TCP: with keep-alive, and TCP_USER_TIMEOUT from the deadline.
 */
int exit_connect(struct wire *w, int socket_type, int64_t deadline_ms, char *error);
void exit_names_free(struct exit_names *names);

#endif
