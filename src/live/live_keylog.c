/* Key logs as they grow -> down to the sensor process, which may open nothing. What they say, only it reads. */
#include "live_state.h"
#include "limits.h"
#include <errno.h>
#include <string.h>

/* Chunks of all key logs that are sent before the main loop looks at other things again. */
enum { CHUNKS_AT_ONCE = 64 };

void live_keylog_start(struct live *l)
{
	for (unsigned i = 0; i < l->config->sensor.n_keylogs; i++)
		keylog_file_init(&l->keylogs[i].file, l->config->sensor.keylogs[i]);
}

static void say_failing(struct live *l, unsigned i, bool fails)
{
	const char *path = l->config->sensor.keylogs[i];
	if (fails && !l->keylogs[i].failing)
		live_say(l, "key log %s: %s; looked for on and on", path, errno == EINVAL ? "not a file" : strerror(errno));
	if (!fails && l->keylogs[i].failing)
		live_note(l, "key log %s is read", path);
	l->keylogs[i].failing = fails;
}

void live_keylog_tick(struct live *l)
{
	static uint8_t payload[CHANNEL_KEYLOG_HEAD + LIMIT_KEYLOG_CHUNK];
	int chunks = CHUNKS_AT_ONCE;
	bool sent = false;
	if (l->keeper.state != KEEPER_RUNNING || l->keeper.killed || l->keeper.draining)
		return;
	for (unsigned i = 0; i < l->config->sensor.n_keylogs; i++) {
		bool afresh = false;
		int n;
		while (chunks-- > 0 && (n = keylog_file_read(&l->keylogs[i].file, payload + CHANNEL_KEYLOG_HEAD, LIMIT_KEYLOG_CHUNK, &afresh)) != 0) {
			say_failing(l, i, n < 0);
			if (n < 0)
				break;
			struct channel_keylog k = {(uint8_t)i, afresh, slice_of(payload + CHANNEL_KEYLOG_HEAD, (size_t)n)};
			sent = true;
			/* it listens whatever else it does: one that does not take this hangs */
			if (channel_send_keylog(l->keeper.channel, &k, payload) != 0) {
				keeper_kill(&l->keeper);
				break;
			}
		}
	}
	if (sent)
		explicit_bzero(payload, sizeof payload);
}

void live_keylog_restarted(struct live *l)
{
	for (unsigned i = 0; i < l->config->sensor.n_keylogs; i++)
		keylog_file_rewind(&l->keylogs[i].file);
}

void live_keylog_done(struct live *l)
{
	for (unsigned i = 0; i < l->config->sensor.n_keylogs; i++)
		keylog_file_done(&l->keylogs[i].file);
}
