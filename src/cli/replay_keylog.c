/* replay's secrets: key log files and the blocks of captures -> the sensor. Of a line that is none only its number is shown. */
#include "capture_file.h"
#include "keylog_file.h"
#include "replay.h"
#include "status.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

struct replay_keylogs {
	struct {
		struct keylog_file file;
		struct keylog reader;
	} items[LIMIT_KEYLOGS];
	size_t n;
	struct keylog blocks; /* of the capture that is being read */
	struct sensor *sensor;
	uint8_t buffer[LIMIT_KEYLOG_CHUNK];
	bool failed;
};

struct bad {
	const char *path, *what;
	const struct keylog *reader;
};

static void on_bad(void *context, uint64_t line)
{
	const struct bad *b = context;
	if (b->reader->malformed <= LIMIT_KEYLOG_TOLD)
		cli_error("%s:%s%" PRIu64 ": no line of a key log%s", b->path, b->what, line,
		          b->reader->malformed == LIMIT_KEYLOG_TOLD ? "; further ones are only counted" : "");
}

struct replay_keylogs *replay_keylogs_new(const struct replay_options *o, struct sensor *s)
{
	struct replay_keylogs *k = calloc(1, sizeof *k);
	if (!k)
		return NULL;
	k->sensor = s;
	k->n = o->n_keylogs;
	for (size_t i = 0; i < k->n; i++)
		keylog_file_init(&k->items[i].file, o->keylogs[i]);
	return k;
}

bool replay_keylogs_read(struct replay_keylogs *k, bool last)
{
	bool ok = true;
	for (size_t i = 0; i < k->n; i++) {
		struct keylog *reader = &k->items[i].reader;
		struct bad bad = {k->items[i].file.path, "", reader};
		bool afresh = false;
		int n;
		while ((n = keylog_file_read(&k->items[i].file, k->buffer, sizeof k->buffer, &afresh)) > 0) {
			if (afresh)
				keylog_restart(reader);
			k->failed |= sensor_secrets(k->sensor, reader, slice_of(k->buffer, (size_t)n), false, on_bad, &bad) != 0;
		}
		if (n < 0)
			cli_error("--keylog %s: %s", bad.path, errno == EINVAL ? "not a file" : strerror(errno));
		ok &= n >= 0;
		if (last)
			k->failed |= sensor_secrets(k->sensor, reader, slice_of(NULL, 0), true, NULL, NULL) != 0;
	}
	explicit_bzero(k->buffer, sizeof k->buffer);
	return ok && !k->failed;
}

/* What holds secrets must not be written to the disk when it crashes; a core that goes to a program heeds no limit. */
static void no_core(void)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
#ifndef __SANITIZE_ADDRESS__ /* which looks at the process from another one in the end */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

bool replay_keylogs_start(struct replay_keylogs *k)
{
	if (k->n == 0)
		return true;
	no_core();
	if (sensor_secrets_expect(k->sensor, true) != 0) {
		cli_error("out of memory");
		return false;
	}
	return replay_keylogs_read(k, false);
}

static void on_block(void *context, const uint8_t *bytes, size_t n)
{
	struct replay_keylogs *k = context;
	struct bad bad = {"a decryption secrets block", " line ", &k->blocks};
	no_core();
	keylog_restart(&k->blocks); /* each is whole */
	k->failed |= sensor_secrets(k->sensor, &k->blocks, slice_of(bytes, n), true, on_bad, &bad) != 0;
}

bool replay_keylogs_capture(struct replay_keylogs *k, struct capture_file *f)
{
	k->blocks.malformed = 0;
	if (capture_file_secrets(f, on_block, k))
		k->failed |= sensor_secrets_expect(k->sensor, true) != 0;
	return !k->failed;
}

void replay_keylogs_summary(const struct replay_keylogs *k, const struct sensor_stats *s)
{
	const struct decryption_counts *c = &s->tls;
	uint64_t malformed = 0;
	if (!c->on)
		return;
	for (size_t i = 0; i < k->n; i++)
		malformed += k->items[i].reader.malformed;
	fprintf(stderr, "decryption       %" PRIu64 " TLS connections decrypted, %" PRIu64 " without a secret, %" PRIu64
	        " of a version or cipher suite that is not read; secrets of %" PRIu64 " connections", c->connections.decrypted,
	        c->connections.no_secret, c->connections.unreadable, c->secrets.connections);
	if (malformed)
		fprintf(stderr, ", %" PRIu64 " malformed lines", malformed);
	fputc('\n', stderr);
}

void replay_keylogs_free(struct replay_keylogs *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < k->n; i++)
		keylog_file_done(&k->items[i].file);
	explicit_bzero(k, sizeof *k);
	free(k);
}
