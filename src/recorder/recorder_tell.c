/* What is known of a connection -> findings, tags, judgement, event. Called for each new state of it, also when another connection told
 * what is new. Remembers nothing itself. */
#include "recorder_state.h"

int recorder_tell(struct recorder *r, const struct observation *o, struct event_links *links, enum verdict *ret_verdict)
{
	const struct recorder_config *c = &r->config;
	struct event_context context = {.sensor = c->sensor, .signature_set = c->signature_set,
	                                .capture = o->capture < c->n_captures ? c->captures[o->capture] : NULL};
	struct judgement j;
	struct event e;
	/* in this order, each a pure function that adds to links: names from DNS, posture findings, tags */
	policy_judge(c->policy, o, &j);
	int result = event_from(o, &j, policy_direction(c->policy, &o->client_ip, &o->server_ip), &context, links, &e);
	if (result != 0)
		return result;
	if (ret_verdict)
		*ret_verdict = j.verdict;
	return c->on_event(c->context, &e);
}
