#include "event.h"
#include "community_id.h"
#include "event_id.h"
#include "frame.h"
#include "status.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

/* An answer that could not be seen counts like one that was given: a sensor that sees one direction must not make what
 * it sees look harmless. A refused attempt is a step milder, a breach of an approved server's terms too. */
enum severity severity_of(enum verdict v, enum confidence c, enum stage s)
{
	static const enum severity unauthorized[CONFIDENCE_COUNT][STAGE_COUNT] = {
		[CONFIDENCE_POSSIBLE] = {[STAGE_UNKNOWN] = SEVERITY_LOW, [STAGE_ATTEMPTED] = SEVERITY_INFO,
	                                 [STAGE_ESTABLISHED] = SEVERITY_LOW},
		[CONFIDENCE_LIKELY] = {[STAGE_UNKNOWN] = SEVERITY_MEDIUM, [STAGE_ATTEMPTED] = SEVERITY_LOW,
	                               [STAGE_ESTABLISHED] = SEVERITY_MEDIUM},
		[CONFIDENCE_CONFIRMED] = {[STAGE_UNKNOWN] = SEVERITY_HIGH, [STAGE_ATTEMPTED] = SEVERITY_MEDIUM,
	                                  [STAGE_ESTABLISHED] = SEVERITY_HIGH},
	};
	if (v == VERDICT_APPROVED || c >= CONFIDENCE_COUNT || s >= STAGE_COUNT)
		return SEVERITY_INFO;
	enum severity full = unauthorized[c][s];
	return v == VERDICT_VIOLATION && full > SEVERITY_INFO ? full - 1 : full;
}

enum severity severity_of_change(const struct event_change *c, enum severity of_connection)
{
	static const char *const read_by_model[] = {"name", "description", "input-schema"};
	enum severity own = c->hints ? SEVERITY_HIGH : SEVERITY_LOW;
	for (size_t i = 0; i < c->n_parts; i++)
		for (size_t k = 0; k < 3; k++)
			if (own < SEVERITY_MEDIUM && strcmp(c->parts[i], read_by_model[k]) == 0)
				own = SEVERITY_MEDIUM;
	return own > of_connection ? own : of_connection;
}

void event_time_format(int64_t time_ns, char out[EVENT_TIME_TEXT])
{
	int64_t seconds = time_ns / NS_PER_SEC, ns = time_ns % NS_PER_SEC;
	if (ns < 0) { /* captures may claim times before 1970 */
		ns += NS_PER_SEC;
		seconds--;
	}
	time_t t = seconds;
	struct tm tm;
	gmtime_r(&t, &tm); /* 64-bit nanoseconds reach from 1677 to 2262 only */
	const struct {
		unsigned value, digits;
		char then;
	} parts[] = {{(unsigned)tm.tm_year + 1900u, 4, '-'}, {(unsigned)tm.tm_mon + 1u, 2, '-'}, {(unsigned)tm.tm_mday, 2, 'T'},
	             {(unsigned)tm.tm_hour, 2, ':'}, {(unsigned)tm.tm_min, 2, ':'}, {(unsigned)tm.tm_sec, 2, '.'},
	             {(unsigned)(ns / 1000), 6, 'Z'}};
	char *to = out; /* by hand: with printf the two times of an event take as long as all else that is made of it */
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		unsigned value = parts[i].value;
		for (unsigned k = parts[i].digits; k-- > 0; value /= 10)
			to[k] = (char)('0' + value % 10);
		to += parts[i].digits;
		*to++ = parts[i].then;
	}
	*to = '\0';
}

int event_from(const struct observation *o, const struct judgement *j, enum traffic_direction direction,
               const struct event_context *context, const struct event_links *links, struct event *ret)
{
	static const struct event_links none;
	struct event e = {.o = o, .j = j, .context = context, .links = links ? links : &none, .direction = direction};
	e.severity = severity_of(j->verdict, o->confidence, o->stage);
	if (e.links->change)
		e.severity = severity_of_change(e.links->change, e.severity);
	if (event_id(o, context->sensor, e.event_id) != 0 ||
	    community_id(&o->client_ip, o->client_port, &o->server_ip, o->server_port, o->l4, e.community_id) != 0)
		return FAIL_MEMORY;
	event_time_format(o->first_seen_ns, e.first_seen);
	event_time_format(o->last_seen_ns, e.last_seen);
	*ret = e;
	return 0;
}
