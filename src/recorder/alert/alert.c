/* An alert and a format -> one line of text. Called by the exits. The formats are in format_*.c, one each; what they
 * say alike is in alert_facts.c. Sends nothing and knows no outbox. */
#include "alert.h"
#include "alert_formats.h"
#include <string.h>

static const char *const formats[ALERT_FORMATS] = {"text", "json", "cef", "eve", "zeek", "ecs", "ocsf"};

const char *alert_why_name(enum alert_why w)
{
	switch (w) {
	case ALERT_NEW: return "new";
	case ALERT_RISEN: return "risen";
	case ALERT_AGAIN: return "again";
	default: return NULL;
	}
}

const char *alert_format_name(enum alert_format f)
{
	return (unsigned)f < ALERT_FORMATS ? formats[f] : NULL;
}

bool alert_format_parse(const char *name, enum alert_format *ret)
{
	for (int f = 0; f < ALERT_FORMATS; f++)
		if (strcmp(name, formats[f]) == 0) {
			*ret = (enum alert_format)f;
			return true;
		}
	return false;
}

static char *as_line(enum alert_format f, const struct alert *a, const struct alert_sender *who, size_t *ret_n)
{
	struct line l = {0};
	if (f == ALERT_CEF)
		format_cef(a, who, &l);
	else
		format_text(a, &l);
	return line_take(&l, ret_n);
}

char *alert_format(enum alert_format f, const struct alert *a, const struct alert_sender *who, size_t *ret_n)
{
	struct tree t;
	if (f == ALERT_TEXT || f == ALERT_CEF)
		return as_line(f, a, who, ret_n);
	tree_init(&t);
	switch (f) {
	case ALERT_EVE: format_eve(a, &t); break;
	case ALERT_ZEEK: format_zeek(a, &t); break;
	case ALERT_ECS: format_ecs(a, who, &t); break;
	case ALERT_OCSF: format_ocsf(a, who, &t); break;
	default: format_json(a, &t); break;
	}
	return tree_take(&t, ret_n);
}
