#include "alert_rules_raise.h"
#include "alert_rules.h"
#include "rfc3339.h"
#include "status.h"
#include "text.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *event, const char *name)
{
	return json_string_value(json_object_get(event, name));
}

static bool is_change(const json_t *event)
{
	const char *kind = text_of(event, "kind");
	return kind && strcmp(kind, "tool-change") == 0;
}

void alert_rules_authority(const json_t *event, char out[ALERT_AUTHORITY_TEXT])
{
	const char *name = text_of(event, "host"), *ip = text_of(event, "server_ip");
	json_int_t port = json_integer_value(json_object_get(event, "server_port"));
	name = name ? name : text_of(event, "sni");
	if (name)
		text_copy(out, ALERT_AUTHORITY_TEXT, slice_str(name));
	else
		snprintf(out, ALERT_AUTHORITY_TEXT,
			 ip && strchr(ip, ':') ? "[%s]:%" JSON_INTEGER_FORMAT : "%s:%" JSON_INTEGER_FORMAT,
			 ip ? ip : "", port);
}

#define ENUM_OF(name, field, count, names)                                                                             \
	static bool name(const json_t *event, int *ret)                                                                \
	{                                                                                                              \
		const char *text = text_of(event, field);                                                              \
		for (int i = 0; text && i < (int)(count); i++)                                                         \
			if (names(i) && strcmp(text, names(i)) == 0) {                                                 \
				*ret = i;                                                                              \
				return true;                                                                           \
			}                                                                                              \
		return false;                                                                                          \
	}
ENUM_OF(verdict_of, "verdict", VERDICT_COUNT, verdict_name)
ENUM_OF(confidence_of, "confidence", CONFIDENCE_COUNT, confidence_name)
ENUM_OF(stage_of, "stage", STAGE_COUNT, stage_name)
ENUM_OF(severity_as, "severity", SEVERITY_COUNT, severity_name)

/* What the rules look at. */
struct fact {
	struct store_alert_key key;
	char authority[ALERT_AUTHORITY_TEXT];
	const char *event_id;
	int64_t time_ns; /* 1970 where a capture claims a time that is none */
	struct store_alert_level level;
	int verdict;
};

static bool read_fact(const json_t *event, struct fact *ret)
{
	int confidence, stage, severity;
	bool date_only;
	*ret = (struct fact){.event_id = text_of(event, "event_id")};
	ret->key = (struct store_alert_key){text_of(event, "client_ip"), ret->authority, text_of(event, "verdict")};
	if (!ret->event_id || !ret->key.client || !verdict_of(event, &ret->verdict) ||
	    !confidence_of(event, &confidence) || !stage_of(event, &stage) || !severity_as(event, &severity))
		return false;
	/* a changed tool is another matter than the connection that showed it: it must not count as the same alert again */
	if (is_change(event))
		ret->key.verdict = "tool-change";
	ret->level =
	    (struct store_alert_level){(enum confidence)confidence, (enum stage)stage, (enum severity)severity};
	rfc3339_parse(slice_str(text_of(event, "first_seen")), &ret->time_ns, &date_only);
	alert_rules_authority(event, ret->authority);
	return true;
}

static int add(const struct alert_rules *r, struct store *s, const json_t *event, const struct fact *f,
	       const struct alert_ruling *ruling)
{
	struct store_alert a = {
	    .why = (int)ruling->why, .count = ruling->count, .raised_ns = r->now_ns(), .severity = f->level.severity};
	int rc = 0;
	a.event = json_dumps(event, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (!a.event)
		return FAIL_MEMORY;
	for (size_t i = 0; i < r->n_exits && rc == 0; i++)
		if (a.severity >= r->exits[i].least)
			rc = store_alert_add(s, r->exits[i].id, &a, r->queue);
	free(a.event);
	return rc;
}

static int rule(const struct alert_rules *r, struct store *s, const json_t *event, const struct fact *f)
{
	struct alert_memory m = {0};
	int has = store_alert_seen(s, f->event_id, f->key.verdict, &m.risen);
	if (has < 0)
		return has;
	m.seen = has;
	has = store_alert_window(s, &f->key, &m.window);
	if (has < 0)
		return has;
	m.has_window = has;
	struct alert_ruling ruling = alert_rules_judge(&m, f->time_ns, &f->level, r->window_ns);
	int rc = 0;
	if (ruling.seen_changed)
		rc = store_alert_seen_put(s, f->event_id, f->key.verdict, &m.risen);
	if (rc == 0 && ruling.window_changed)
		rc = store_alert_window_put(s, &f->key, &m.window, ruling.window_began);
	if (rc == 0 && ruling.raise)
		rc = add(r, s, event, f, &ruling);
	return rc;
}

int alert_rules_raise(void *context, struct store *s, const json_t *event)
{
	struct alert_rules *r = context;
	struct fact f;
	if (json_is_object(json_object_get(event, "acknowledged")))
		return 0; /* nor counted; when it becomes worse, or the time is over, it is looked at like any other */
	bool good = read_fact(event, &f);
	bool approved = f.verdict == VERDICT_APPROVED && !is_change(event);
	if (good && (approved || f.level.confidence < r->min_confidence))
		return 0;
	int rc = good ? rule(r, s, event, &f) : FAIL_INPUT;
	if (rc != FAIL_INPUT)
		return rc;
	atomic_fetch_add(&r->unraised, 1); /* the event is worth more than its alert: it is written */
	return 0;
}
