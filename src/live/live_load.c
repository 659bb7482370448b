/* Policy and signature files -> what is in force. A broken file changes nothing. */
#include "live_state.h"
#include "status.h"
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>

static struct policy *load_policy(struct live *l)
{
	char error[POLICY_ERROR_TEXT];
	struct policy *p = NULL;
	struct stat st;
	if (!l->config->policy) {
		if (!(p = policy_empty()))
			live_say(l, "out of memory");
	} else if (stat(l->config->policy, &st) == 0 && !S_ISREG(st.st_mode)) {
		/* a pipe has nothing to be read again, and whoever opens it waits until somebody writes */
		live_say(l, "%s: the policy of a live sensor must be a file", l->config->policy);
	} else if (policy_load(l->config->policy, &p, error) != 0) {
		live_say(l, "%s", error);
		p = NULL;
	}
	return p;
}

bool live_load(struct live *l)
{
	char error[SIGNATURE_ERROR_TEXT];
	struct signature_bundle bundle;
	struct signature_set *set;
	struct policy *policy = load_policy(l);
	if (!policy)
		return false;
	int r = signature_bundle_read(l->config->signatures, l->config->n_signatures, &bundle, error);
	if (r == 0 && (r = signature_bundle_load(slice_of(bundle.bytes, bundle.n), &set, error)) != 0)
		signature_bundle_done(&bundle);
	if (r != 0) {
		live_say(l, "%s", error);
		policy_free(policy);
		return false;
	}
	if (l->recorder)
		recorder_renew(l->recorder, policy, signature_set_version(set));
	policy_free(l->policy);
	signature_set_free(l->signatures);
	signature_bundle_done(&l->bundle);
	l->policy = policy;
	l->signatures = set;
	l->bundle = bundle;
	return true;
}
