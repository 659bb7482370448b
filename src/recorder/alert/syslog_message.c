/* Alert -> the header of a syslog message, and the body behind it. Called by alert_exit_send. What a stranger wrote
 * goes into structured data escaped twice: control and invisible characters are spelt out, then ", \ and ] as RFC
 * 5424 6.3.3 wants it. */
#include "syslog_message.h"
#include "text.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HEADER 8192

enum { SYSLOG_CRIT = 2, SYSLOG_WARNING = 4, SYSLOG_NOTICE = 5, SYSLOG_INFO = 6 };

static const char *member(const struct alert *a, const char *name)
{
	const char *text = json_string_value(json_object_get(a->event, name));
	return text ? text : "";
}

static int severity_code(const struct alert *a)
{
	const char *s = member(a, "severity");
	return strcmp(s, "high") == 0     ? SYSLOG_CRIT
	       : strcmp(s, "medium") == 0 ? SYSLOG_WARNING
	       : strcmp(s, "low") == 0    ? SYSLOG_NOTICE
	                                  : SYSLOG_INFO;
}

/* Header fields end at a space and are ASCII. */
static void put_word(char out[HEADER], size_t *n, const char *word, size_t most)
{
	char text[256];
	size_t i = 0;
	for (; word && word[i] && i < most && i < sizeof text - 1; i++)
		text[i] = word[i] > ' ' && word[i] <= '~' ? word[i] : '_';
	text[i] = 0;
	text_append(out, HEADER, n, "%s", i ? text : "-");
}

static void put_param(char out[HEADER], size_t *n, const char *name, const char *value)
{
	char plain[LIMIT_HOST + 64], escaped[2 * sizeof plain];
	if (!value[0])
		return;
	text_escape_terminal(plain, sizeof plain, slice_str(value));
	size_t at = 0;
	for (const char *c = plain; *c; c++) {
		if (*c == '"' || *c == '\\' || *c == ']')
			escaped[at++] = '\\';
		escaped[at++] = *c;
	}
	escaped[at] = 0;
	text_append(out, HEADER, n, " %s=\"%s\"", name, escaped);
}

static void put_number(char out[HEADER], size_t *n, const char *name, uint64_t value)
{
	text_append(out, HEADER, n, " %s=\"%" PRIu64 "\"", name, value);
}

enum detail { DETAIL_NONE, DETAIL_IDS, DETAIL_ALL };

/* 32473 is the enterprise number that is set aside for documentation (RFC 5612): the project has none of its own. */
static void put_structured(char out[HEADER], size_t *n, const struct alert *a, enum detail detail)
{
	static const char *const fields[] = {"confidence", "stage", "severity", "sensor", "client_ip",
	                                     "server_ip",  "host",  "sni",      "rule"};
	if (detail == DETAIL_NONE) {
		text_append(out, HEADER, n, " -");
		return;
	}
	text_append(out, HEADER, n, " [shadowtap@32473");
	put_number(out, n, "alert_id", a->id);
	put_param(out, n, "event_id", member(a, "event_id"));
	put_param(out, n, "verdict", member(a, "verdict"));
	if (detail == DETAIL_ALL) {
		put_param(out, n, "why", alert_why_name(a->why));
		put_number(out, n, "count", a->count);
		for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
			put_param(out, n, fields[i], member(a, fields[i]));
		const json_t *port = json_object_get(a->event, "server_port");
		if (json_is_integer(port))
			put_number(out, n, "server_port", (uint64_t)json_integer_value(port));
	}
	text_append(out, HEADER, n, "]");
}

static size_t header_5424(char out[HEADER], const struct exit_spec *spec, const struct alert_sender *who,
                          const struct alert *a, enum detail detail)
{
	char time[EVENT_TIME_TEXT];
	size_t n = 0;
	event_time_format(a->raised_ns, time);
	text_append(out, HEADER, &n, "<%d>1 %s ", spec->facility * 8 + severity_code(a), time);
	put_word(out, &n, spec->hostname[0] ? spec->hostname : who->host, 255);
	text_append(out, HEADER, &n, " ");
	put_word(out, &n, who->program, 48);
	text_append(out, HEADER, &n, " %ld ", who->pid);
	put_word(out, &n, member(a, "verdict"), 32);
	put_structured(out, &n, a, detail);
	text_append(out, HEADER, &n, " ");
	return n;
}

/* Local time, as its readers expect. A local socket is given no host name: its reader knows where it is, and would take
 * it for the program. */
static size_t header_3164(char out[HEADER], const struct exit_spec *spec, const struct alert_sender *who,
                          const struct alert *a)
{
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
	                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t seconds = (time_t)(a->raised_ns / 1000000000);
	struct tm t = {0};
	size_t n = 0;
	localtime_r(&seconds, &t);
	text_append(out, HEADER, &n, "<%d>%s %2d %02d:%02d:%02d ", spec->facility * 8 + severity_code(a),
	            months[t.tm_mon % 12], t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
	if (spec->kind != EXIT_SYSLOG_LOCAL || spec->hostname[0]) {
		put_word(out, &n, spec->hostname[0] ? spec->hostname : who->host, 255);
		text_append(out, HEADER, &n, " ");
	}
	put_word(out, &n, who->program, 32); /* RFC 3164 4.1.3 */
	text_append(out, HEADER, &n, "[%ld]: ", who->pid);
	return n;
}

static bool is_ascii(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= 0x80)
			return false;
	return true;
}

char *syslog_message(const struct exit_spec *spec, const struct alert_sender *who, const struct alert *a,
                     struct slice body, size_t *ret_n)
{
	char header[HEADER];
	size_t n;
	if (spec->rfc3164) {
		n = header_3164(header, spec, who, a);
	} else {
		/* Where the limit is low the body matters more than what repeats a part of it. */
		n = header_5424(header, spec, who, a, DETAIL_ALL);
		if (n > spec->max / 2)
			n = header_5424(header, spec, who, a, DETAIL_IDS);
		if (n + 128 > spec->max)
			n = header_5424(header, spec, who, a, DETAIL_NONE);
		if (spec->format == ALERT_TEXT && !is_ascii(body)) /* RFC 5424 6.4: UTF-8 is marked as such */
			text_append(header, sizeof header, &n, "\xef\xbb\xbf");
	}
	size_t body_n;
	char *fitted = syslog_fit(spec->format, body, spec->max - n, &body_n);
	char *whole = fitted ? malloc(n + body_n + 1) : NULL;
	if (whole) {
		memcpy(whole, header, n);
		memcpy(whole + n, fitted, body_n + 1);
		*ret_n = n + body_n;
	}
	free(fitted);
	return whole;
}
