/* The inside of the dispatcher, for its two files: one exit's thread and what all share. */
#ifndef SHADOWTAP_COURIER_H
#define SHADOWTAP_COURIER_H

#include "dispatcher.h"
#include <pthread.h>

struct courier {
	struct dispatcher *d;
	struct alert_exit *exit;
	int64_t id;
	struct store *outbox;
	pthread_t thread;
	/* under the dispatcher's lock */
	struct dispatcher_state state;
	uint64_t empty_at; /* the wish to which it last found nothing waiting */
	bool reopen, ended;
	/* the thread's own */
	uint64_t gone, sent; /* ids: up to the first all is forgotten, up to the second all is sent */
	uint64_t refused;    /* between the two */
	uint64_t refused_in_all;
	unsigned failures; /* in a row */
	int64_t retry_ms, refilled_ms;
	double tokens;
	unsigned dice;
	bool database_failing, losing;
};

struct dispatcher {
	alerts_say_fn *say;
	void *say_context;
	double rate;
	pthread_mutex_t speech; /* held while speaking; of: */
	bool silent;
	pthread_mutex_t lock;
	pthread_cond_t nudge, change; /* for couriers; for who waits for them */
	uint64_t news, wish;          /* commits; wishes to be told when nothing waits */
	bool stopping;
	int64_t give_up_ms;
	size_t n;
	struct courier couriers[];
};

int64_t dispatcher_now_ms(void);
/* What a thread does until the dispatcher stops. */
void *courier_run(void *courier);
/* Reads the counts anew and says what they mean. */
void courier_look(struct courier *c);

#endif
