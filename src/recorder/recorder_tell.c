/* What is known of a connection -> findings, tags, judgement, event. Called for each new state of it, also when another connection told
 * what is new. Remembers nothing itself. */
#include "recorder_names.h"
#include "recorder_state.h"
#include <string.h>

/* What is among the links' findings already counts for the policy as well. */
static void recorder_posture(const struct observation *o, struct event_links *links, struct posture *ret)
{
	for (size_t i = 0; i < links->n_findings; i++)
		posture_add(ret, links->findings[i]);
	posture_read(o, links->session_auth, ret);
	if (links->name_check == NAME_UNSEEN)
		posture_add_unseen(ret, "name-address-mismatch");
	memcpy(links->findings, ret->found, sizeof ret->found);
	links->n_findings = ret->n_found;
}

static int judge_and_tell(struct recorder *r, const struct observation *o, struct event_links *links, recorder_event_fn *tell,
                          struct judgement *ret)
{
	const struct recorder_config *c = &r->config;
	struct event_context context = {.sensor = c->sensor, .signature_set = c->signature_set,
	                                .capture = o->capture < c->n_captures ? c->captures[o->capture] : NULL};
	struct posture posture = {.n_found = 0};
	struct event e;
	/* in this order, each a pure function that adds to links: names from DNS, posture findings, tags */
	recorder_posture(o, links, &posture);
	links->n_tags = catalog_tags(r->catalog, o, links->tags);
	struct observation judged = recorder_judged(o, links);
	policy_judge(c->policy, &judged, &posture, ret);
	if (links->name_check == NAME_MISMATCH && o->confidence >= CONFIDENCE_LIKELY && ret->verdict != VERDICT_UNAUTHORIZED) {
		/* whose name is not approved is told of anyway */
		posture_add(&posture, "name-address-mismatch");
		recorder_posture(o, links, &posture);
		policy_judge(c->policy, &judged, &posture, ret);
	}
	int result = event_from(o, ret, policy_direction(c->policy, &o->client_ip, &o->server_ip), &context, links, &e);
	return result != 0 ? result : tell(c->context, &e);
}

int recorder_tell(struct recorder *r, const struct observation *o, struct event_links *links, enum verdict *ret_verdict)
{
	struct judgement j;
	int result = judge_and_tell(r, o, links, r->config.on_event, &j);
	if (result == 0 && ret_verdict)
		*ret_verdict = j.verdict;
	return result;
}

int recorder_tell_settled(struct recorder *r, const struct observation *o, struct event_links *links, bool *ret_acknowledged)
{
	struct judgement j;
	int result = r->config.on_settled ? judge_and_tell(r, o, links, r->config.on_settled, &j) : 0;
	*ret_acknowledged = result == 1;
	return result == 1 ? 0 : result;
}
