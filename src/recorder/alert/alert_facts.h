/* What the formats want to know of an event beyond its members: what it is called, whom it is about, times as numbers.
 * Called by all of them. An event may be older than this program: what it lacks is "not known". */
#ifndef SHADOWTAP_ALERT_FACTS_H
#define SHADOWTAP_ALERT_FACTS_H

#include "alert.h"
#include "alert_line.h"
#include "hostname.h"

const char *fact_text(const json_t *event, const char *name); /* NULL: null, or no text */
json_int_t fact_number(const json_t *event, const char *name,
		       const char *member); /* 0 where there is none; member may be NULL */
bool fact_flag(const json_t *event, const char *name);
/* Microseconds since 1970 of an event's time; false if there is none. */
bool fact_time_us(const json_t *event, const char *name, int64_t *ret);
enum severity fact_severity(const json_t *event);

/* What this kind of alert is called, by kind and verdict. */
struct alert_title {
	const char *title; /* "Unauthorized MCP server" */
	const char *code;  /* "mcp-unauthorized" */
	const char *note;  /* "MCP::Unauthorized_Server" */
	int number;        /* of our signatures, see docs/alerts.md */
};
const struct alert_title *fact_title(const json_t *event);

struct alert_server {
	char name[HOSTNAME_TEXT]; /* a well-formed host name, lower case, no address; else "" */
	uint16_t port;            /* as it was sent with the name, or 0 */
};
void fact_server(const json_t *event, struct alert_server *ret);
/* As the client asked for it: Host, else SNI; NULL: by address alone. */
const char *fact_authority(const json_t *event);
/* "http", "https", "ws", "wss"; NULL where no HTTP was read. */
const char *fact_scheme(const json_t *event);
/* scheme://authority/path into *l; false, and nothing written, where one of them is not known. */
bool fact_url(const json_t *event, struct line *l, int how);
/* The n-th VLAN, outermost first; false if there are fewer. */
bool fact_vlan(const json_t *event, size_t n, json_int_t *ret);
/* `capture` names an interface, not a file: short, without a slash, and not called .pcap or .cap something. */
bool fact_on_interface(const json_t *event);
bool fact_is_ip6(const char *address);

/* One sentence: what, who, with whom, how sure, how far. Names of strangers are spelt out. */
void fact_summary(const struct alert *a, struct line *l);
/* The same as memory of its own, or NULL when that ran out. */
char *fact_summary_text(const struct alert *a);

#endif
