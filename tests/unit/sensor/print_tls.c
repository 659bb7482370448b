/* A key log, and on standard input the segments of one connection -> what was said inside, in hexadecimal, the client's part on the first line
 * and the server's on the second, for test_tls_tshark.py. A segment: a byte 0 (client) or 1 (server), four bytes of length, the bytes.
 * No test by itself. */
#include <stdio.h>
#include <stdlib.h>

#include "keylog.h"
#include "tls_decrypt.h"

struct said {
	uint8_t *p;
	size_t n;
};

static void on_bytes(void *context, enum direction d, struct slice plain)
{
	struct said *s = (struct said *)context + d;
	s->p = realloc(s->p, s->n + plain.n);
	if (!s->p)
		abort();
	memcpy(s->p + s->n, plain.p, plain.n);
	s->n += plain.n;
}

static void on_gap(void *context, enum direction d)
{
	(void)context;
	printf("gap %d\n", (int)d);
}

static void on_end(void *context, enum direction d)
{
	(void)context, (void)d;
}

static void on_learned(void *context)
{
	(void)context;
}

static void on_moment(void *context, const struct tls_moment *m)
{
	(void)context, (void)m;
}

int main(int argc, char **argv)
{
	static const struct tls_decrypt_callbacks callbacks = {on_bytes, on_gap, on_end, on_learned, on_moment};
	static const struct hash_key key = {1, 2};
	static uint8_t bytes[1 << 20];
	static struct tls_room room;
	struct anomaly_counts anomalies = {{0}};
	struct said said[2] = {{NULL, 0}, {NULL, 0}};
	struct keylog k = {.n = 0};
	uint8_t head[5];
	size_t n;
	room = (struct tls_room){.secrets = NULL, .anomalies = &anomalies};
	struct tls_secrets *secrets = tls_secrets_new(&key);
	struct tls *hellos = tls_new(&anomalies);
	FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
	if (!secrets || !hellos || !f)
		return 2;
	while ((n = fread(bytes, 1, sizeof bytes, f)) > 0)
		keylog_read(&k, slice_of(bytes, n), secrets, NULL, NULL);
	keylog_end(&k, secrets);
	fclose(f);
	room.secrets = secrets;
	struct tls_decrypt *t = tls_decrypt_new(&room, hellos, &callbacks, said, said, 0);
	while (t && fread(head, 1, sizeof head, stdin) == sizeof head) {
		n = (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
		if (n > sizeof bytes || fread(bytes, 1, n, stdin) != n)
			return 2;
		tls_decrypt_feed(t, head[0] ? FROM_SERVER : FROM_CLIENT, slice_of(bytes, n));
	}
	for (int d = 0; d < 2; d++) {
		for (size_t i = 0; i < said[d].n; i++)
			printf("%02x", said[d].p[i]);
		putchar('\n');
		free(said[d].p);
	}
	for (int i = 0; i < ANOMALY_COUNT; i++)
		if (anomalies.n[i])
			printf("anomaly %s\n", anomaly_name((enum anomaly)i));
	tls_decrypt_free(t);
	tls_room_done(&room);
	tls_free(hellos);
	tls_secrets_free(secrets);
	return t ? 0 : 2;
}
