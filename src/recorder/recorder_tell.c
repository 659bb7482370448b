/* What is known of a connection -> findings, tags, judgement, event. Called for each new state of it, also when another connection told
 * what is new. Remembers nothing itself. */
#include "recorder_state.h"
#include <string.h>

/* What is among the links' findings already counts for the policy as well. */
static void recorder_posture(const struct observation *o, struct event_links *links, struct posture *ret)
{
	for (size_t i = 0; i < links->n_findings; i++)
		posture_add(ret, links->findings[i]);
	posture_read(o, AUTH_UNKNOWN, ret);
	memcpy(links->findings, ret->found, sizeof ret->found);
	links->n_findings = ret->n_found;
}

int recorder_tell(struct recorder *r, const struct observation *o, struct event_links *links, enum verdict *ret_verdict)
{
	const struct recorder_config *c = &r->config;
	struct event_context context = {.sensor = c->sensor, .signature_set = c->signature_set,
	                                .capture = o->capture < c->n_captures ? c->captures[o->capture] : NULL};
	struct posture posture = {.n_found = 0};
	struct judgement j;
	struct event e;
	/* in this order, each a pure function that adds to links: names from DNS, posture findings, tags */
	recorder_posture(o, links, &posture);
	policy_judge(c->policy, o, &posture, &j);
	int result = event_from(o, &j, policy_direction(c->policy, &o->client_ip, &o->server_ip), &context, links, &e);
	if (result != 0)
		return result;
	if (ret_verdict)
		*ret_verdict = j.verdict;
	return c->on_event(c->context, &e);
}
