#include "recorder.h"
#include "status.h"
#include <errno.h>
#include <stdlib.h>

struct recorder {
	struct recorder_config config;
	struct recorder_counts counts;
};

struct recorder *recorder_new(const struct recorder_config *config)
{
	struct recorder *r = calloc(1, sizeof *r);
	if (r)
		r->config = *config;
	return r;
}

int recorder_take(struct recorder *r, const uint8_t *bytes, size_t n)
{
	const struct recorder_config *c = &r->config;
	struct observation_box box;
	r->counts.observations++;
	if (!observation_decode(bytes, n, &box)) {
		if (errno == ENOMEM)
			return FAIL_MEMORY;
		r->counts.invalid++;
		return 0;
	}
	const struct observation *o = &box.o;
	struct event_context context = {.sensor = c->sensor, .signature_set = c->signature_set,
	                                .capture = o->capture < c->n_captures ? c->captures[o->capture] : NULL};
	struct judgement j;
	struct event e;
	policy_judge(c->policy, o, &j);
	int result = event_from(o, &j, policy_direction(c->policy, &o->client_ip, &o->server_ip), &context, NULL, &e);
	if (result == 0) {
		if (o->final)
			r->counts.events[j.verdict][o->confidence]++;
		result = c->on_event(c->context, &e);
	}
	observation_box_done(&box);
	return result;
}

void recorder_renew(struct recorder *r, const struct policy *policy, const char *signature_set)
{
	r->config.policy = policy;
	r->config.signature_set = signature_set;
}

const struct recorder_counts *recorder_counts(const struct recorder *r)
{
	return &r->counts;
}

void recorder_free(struct recorder *r)
{
	free(r);
}
