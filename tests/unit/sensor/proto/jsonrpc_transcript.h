/* Messages of jsonrpc -> lines of text that tests compare.
 * Included by test_jsonrpc. One line per message: length, flags, members with types, texts; then anomalies, status. */
#ifndef SHADOWTAP_JSONRPC_TRANSCRIPT_H
#define SHADOWTAP_JSONRPC_TRANSCRIPT_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "jsonrpc_members.h"

struct transcript {
	char *out;
	size_t cap, n;
};

__attribute__((format(printf, 2, 3))) static inline void say(struct transcript *t, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(t->out + t->n, t->cap - t->n, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= t->cap - t->n)
		abort();
	t->n += (size_t)n;
}

static inline void say_text(struct transcript *t, const char *label, const char *text)
{
	if (!*text)
		return;
	say(t, "%s", label);
	for (; *text; text++) {
		uint8_t c = (uint8_t)*text;
		bool quote = c == '"' && label[1] != 'i'; /* ids show theirs */
		say(t, c > 0x20 && c < 0x7f && c != '\\' && !quote ? "%c" : "\\x%02x", c);
	}
}

static inline void say_message(void *context, const struct jsonrpc_message *m)
{
	struct transcript *t = context;
	say(t, "message bytes=%" PRIu64 "%s%s%s", m->bytes, m->in_batch ? " batch" : "", m->utf8_bad ? " utf8-bad" : "",
	    m->duplicate_key ? " duplicate" : "");
	for (int i = 0; i < JM_COUNT; i++)
		for (size_t k = 0; m->type[i] && k < MEMBERS; k++)
			if ((int)members[k].member == i) {
				say(t, " %s:%c", members[k].name, "-zbnsao"[m->type[i]]);
				break;
			}
	say(t, "%s%s%s", m->id_cut ? " id-cut" : "", m->method_cut ? " method-cut" : "",
	    m->name_cut ? " name-cut" : "");
	say_text(t, " id=", m->id);
	say_text(t, " method=", m->method);
	say_text(t, " protocol=", m->protocol_version);
	if (m->error_code)
		say(t, " code=%" PRId64, m->error_code);
	say_text(t, " supported=", m->supported_version);
	say_text(t, " client=", m->client_name);
	say_text(t, "/", m->client_version);
	say_text(t, " server=", m->server_name);
	say_text(t, "/", m->server_version);
	say_text(t, " name=", m->name);
	say_text(t, " uri=", m->uri);
	say_text(t, " result_type=", m->result_type);
	if (m->tools)
		say(t, " tools=%u/%u", m->tools, m->tools_with_schema);
	say(t, "\n");
}

static inline void say_end(struct transcript *t, const struct anomaly_counts *a, enum parse status)
{
	for (int i = 0; i < ANOMALY_COUNT; i++)
		if (a->n[i])
			say(t, "anomaly %s %" PRIu64 "\n", anomaly_name((enum anomaly)i), a->n[i]);
	say(t, status == PARSE_DONE ? "done\n" : status == PARSE_BAD ? "bad\n" : "more\n");
}

/* Reads a whole text in pieces of chunk bytes and writes what came of it. */
static inline void transcript_of(struct slice in, size_t chunk, char *out, size_t cap)
{
	struct anomaly_counts anomalies = {{0}};
	struct transcript t = {out, cap, 0};
	struct jsonrpc *j = jsonrpc_new(say_message, &t, &anomalies);
	if (!j)
		abort();
	out[0] = '\0';
	for (struct slice rest = in; rest.n; rest = slice_after(rest, chunk))
		(void)jsonrpc_feed(j, slice_first(rest, chunk));
	say_end(&t, &anomalies, jsonrpc_eof(j));
	jsonrpc_free(j);
}

#endif
