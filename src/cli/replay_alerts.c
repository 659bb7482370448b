/* replay's side of alerting: options -> exits, and how long the end waits for them. Alerts go out while captures are
 * still being read: a pipe may never end. */
#include "replay.h"
#include <inttypes.h>
#include <unistd.h>

static void say(void *context, bool wrong, const char *sentence)
{
	const struct replay_options *o = context;
	if (wrong || !o->quiet)
		cli_error("%s", sentence);
}

int replay_alerts_prepare(struct replay_alerts *a, const struct replay_options *o)
{
	static char host[256] = "shadowtap";
	char error[ALERTS_ERROR_TEXT];
	if (o->n_alerts == 0)
		return EXIT_OK;
	gethostname(host, sizeof host - 1);
	struct alerts_config config = {.specs = o->alerts,
				       .n_specs = o->n_alerts,
				       .min_confidence = o->min_confidence,
				       .window_ns = (int64_t)o->alert_window * 1000000000,
				       .rate = (unsigned)o->alert_rate,
				       .queue = o->alert_queue,
				       .who = {host, "shadowtap", SHADOWTAP_VERSION, getpid()},
				       .say = say,
				       .context = (void *)o};
	if (alerts_new(&config, &a->alerts, error) == 0)
		return EXIT_OK;
	cli_error("--alert: %s", error);
	return EXIT_USAGE;
}

static uint64_t missed(struct alerts *a)
{
	struct alerts_state s;
	alerts_state(a, &s);
	uint64_t n = s.unraised;
	for (size_t i = 0; i < s.n; i++)
		n += s.exits[i].counts.refused + s.exits[i].counts.lost;
	return n;
}

bool replay_alerts_start(struct replay_alerts *a, struct store *s)
{
	char error[ALERTS_ERROR_TEXT];
	if (!a->alerts)
		return true;
	if (alerts_start(a->alerts, s, error) != 0) {
		cli_error("--alert: %s", error);
		return false;
	}
	a->missed = missed(a->alerts);
	return true;
}

bool replay_alerts_end(struct replay_alerts *a, const struct replay_options *o)
{
	if (!a->alerts)
		return true;
	uint64_t left = alerts_settle(a->alerts, (int)o->alert_wait * 1000), lost = missed(a->alerts) - a->missed;
	if (lost)
		cli_error("%" PRIu64 " alert%s refused or lost for good", lost, lost == 1 ? " was" : "s were");
	if (left)
		cli_error("%" PRIu64 " alert%s not gone out within %" PRIu64
			  " s, but wait%s in %s for the next run with the same --alert",
			  left, left == 1 ? " has" : "s have", o->alert_wait, left == 1 ? "s" : "", o->db);
	alerts_stop(a->alerts, 0);
	return left == 0 && lost == 0;
}

void replay_alerts_free(struct replay_alerts *a)
{
	alerts_stop(a->alerts, 0);
	alerts_free(a->alerts);
}
