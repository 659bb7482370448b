/* Which connections' packets are kept, and the files that they go to: opened here, written by the sensor process, which may open
 * nothing. */
#include "live_state.h"
#include "evidence_files.h"
#include "limits.h"
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Between a file that could not be made and the next try. */
enum { RETRY_MS = 10000 };

bool live_evidence_start(struct live *l)
{
	const struct live_config *c = l->config;
	char error[EVIDENCE_ERROR_TEXT];
	if (!c->write)
		return true;
	if (evidence_files_new(c->write, c->sensor.evidence_file_bytes, c->write_total, &l->evidence.files, error) != 0) {
		live_say(l, "%s", error);
		return false;
	}
	l->evidence.wanted = ledger_new();
	if (!l->evidence.wanted)
		live_say(l, "out of memory");
	return l->evidence.wanted;
}

void live_evidence_file(struct live *l)
{
	struct timespec now;
	char error[EVIDENCE_ERROR_TEXT];
	int fd;
	if (l->evidence.made_ms && live_now_ms() - l->evidence.made_ms < LIMIT_EVIDENCE_FILE_MS) {
		l->evidence.retry_at_ms = l->evidence.made_ms + LIMIT_EVIDENCE_FILE_MS;
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	l->evidence.retry_at_ms = 0;
	l->evidence.made_ms = live_now_ms();
	if (evidence_files_next(l->evidence.files, now.tv_sec * INT64_C(1000000000) + now.tv_nsec, &fd, error) != 0) {
		if (!l->evidence.failing)
			live_say(l, "evidence packets: %s; tried again every %d seconds", error, RETRY_MS / 1000);
		l->evidence.failing = true;
		l->evidence.retry_at_ms = live_now_ms() + RETRY_MS;
		return;
	}
	if (l->evidence.failing)
		live_note(l, "evidence packets are written again");
	l->evidence.failing = false;
	/* a sensor process that cannot take it is on its way out: its successor asks for one of its own */
	l->evidence.given = !l->keeper.killed && channel_send(l->keeper.channel, MESSAGE_EVIDENCE_FILE, NULL, 0, fd) == 0;
	close(fd);
}

void live_evidence_event(struct live *l, const struct event *e)
{
	const struct live_config *c = l->config;
	char comment[EVIDENCE_COMMENT_TEXT];
	bool unapproved = e->j->verdict != VERDICT_APPROVED && e->o->confidence >= c->min_confidence;
	if (!l->evidence.files || !(unapproved || c->write_all) || l->keeper.channel < 0 ||
	    ledger_note(l->evidence.wanted, e->event_id, 0) == LEDGER_SAME)
		return;
	if (!l->evidence.given && !l->evidence.retry_at_ms) /* the first one: no empty file is made for a day without events */
		live_evidence_file(l);
	evidence_comment(e, comment);
	struct channel_wanted w = {e->o->capture, e->o->first_frame, slice_str(comment)};
	/* it listens whatever else it does: one that does not take this hangs, and must not hold us up again and again */
	if (!l->keeper.killed && channel_send_wanted(l->keeper.channel, &w) != 0)
		keeper_kill(&l->keeper);
}

void live_evidence_tick(struct live *l)
{
	if (l->evidence.retry_at_ms && live_now_ms() >= l->evidence.retry_at_ms && l->keeper.state == KEEPER_RUNNING)
		live_evidence_file(l);
}

void live_evidence_done(struct live *l)
{
	evidence_files_free(l->evidence.files);
	free(l->evidence.wanted);
}
