/* Segments of one connection on standard input -> the messages that http2 reads, one thing a line, for
 * test_http2_tshark.py. A segment: a byte 0 (client) or 1 (server), four bytes of length, the bytes. No test by itself.
 */
#include <stdio.h>
#include <stdlib.h>

#include "http2.h"

struct word {
	unsigned long long exchange;
	char side;
};

static void print_hex(struct slice s)
{
	putchar(' ');
	for (size_t i = 0; i < s.n; i++)
		printf("%02x", s.p[i]);
}

static void print_field(const char *name, struct slice value)
{
	if (!value.n)
		return;
	printf("field");
	print_hex(slice_str(name));
	print_hex(value);
	putchar('\n');
}

static enum http_body on_head(void *context, const struct http_head *head, void **reader)
{
	char status[8];
	(void)context;
	struct word *w = malloc(sizeof *w);
	if (!w)
		abort();
	*w = (struct word){head->exchange, head->direction == FROM_CLIENT ? 'C' : 'S'};
	printf("head %c %llu\n", w->side, w->exchange);
	if (head->direction == FROM_CLIENT) {
		print_field(":method", head->method);
		print_field(":path", head->target);
		print_field(":authority", head->authority);
	} else {
		snprintf(status, sizeof status, "%u", head->status);
		print_field(":status", slice_str(status));
	}
	for (uint32_t i = 0; i < head->n_fields; i++) {
		printf("field");
		print_hex(head->fields[i].name);
		print_hex(head->fields[i].value);
		putchar('\n');
	}
	if (head->status / 100 == 1)
		free(w);
	else
		*reader = w;
	return HTTP_BODY_READ;
}

static void on_body(void *context, void *reader, struct slice bytes)
{
	const struct word *w = reader;
	(void)context;
	printf("body %c %llu", w->side, w->exchange);
	print_hex(bytes);
	putchar('\n');
}

static void on_gap(void *context, void *reader)
{
	(void)context, (void)reader;
}

static void on_end(void *context, enum direction d, uint64_t exchange, void *reader, enum http2_ended how)
{
	(void)context;
	printf("end %c %llu %d\n", d == FROM_CLIENT ? 'C' : 'S', (unsigned long long)exchange, (int)how);
	free(reader);
}

int main(void)
{
	static const struct http2_callbacks callbacks = {on_head, on_body, on_gap, on_end};
	static uint8_t bytes[1 << 20];
	struct anomaly_counts anomalies = {{0}};
	struct http2 *h = http2_new(&callbacks, NULL, &anomalies);
	uint8_t head[5];
	while (h && fread(head, 1, sizeof head, stdin) == sizeof head) {
		size_t n = (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
		if (n > sizeof bytes || fread(bytes, 1, n, stdin) != n)
			return 1;
		http2_feed(h, head[0] ? FROM_SERVER : FROM_CLIENT, slice_of(bytes, n));
	}
	if (h) {
		http2_eof(h, FROM_CLIENT);
		http2_eof(h, FROM_SERVER);
	}
	for (int i = 0; i < ANOMALY_COUNT; i++)
		if (anomalies.n[i])
			printf("anomaly %s\n", anomaly_name((enum anomaly)i));
	http2_free(h);
	return h ? 0 : 1;
}
