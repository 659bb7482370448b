/* The text of --alert -> what kind of exit, where to, and how. Called by alert_exit_new. Touches no network; looks only
 * whether named files can be read. */
#ifndef SHADOWTAP_ALERT_EXIT_SPEC_H
#define SHADOWTAP_ALERT_EXIT_SPEC_H

#include "alert_exit.h"
#include "hostname.h"
#include "limits.h"

enum exit_kind {
	EXIT_SYSLOG_LOCAL,
	EXIT_SYSLOG_UDP,
	EXIT_SYSLOG_TCP,
	EXIT_SYSLOG_TLS,
	EXIT_FILE,
	EXIT_UNIX,
	EXIT_STDOUT,
	EXIT_WEBHOOK,
};

struct exit_spec {
	enum exit_kind kind;
	enum alert_format format;
	enum severity least;
	int timeout_ms;
	bool secure; /* webhook: https */
	bool rfc3164;
	bool newline; /* framing of syslog+tcp; otherwise octet counting */
	int facility;
	size_t max;         /* bytes of a syslog message */
	char hostname[256]; /* in headers; empty: the sender's */
	char host[HOSTNAME_TEXT], port[6];
	char path[LIMIT_ALERT_SPEC];    /* of the file or socket */
	char url[2 * LIMIT_ALERT_SPEC]; /* webhook */
	char query[LIMIT_ALERT_SPEC];   /* webhook: what is asked of the receiver */
	char ca[LIMIT_ALERT_SPEC], cert[LIMIT_ALERT_SPEC], key[LIMIT_ALERT_SPEC];
	char server_name[HOSTNAME_TEXT]; /* that the certificate must bear; empty: host */
	char bearer_file[LIMIT_ALERT_SPEC];
	char name[LIMIT_ALERT_SPEC]; /* target and format, without secrets */
};

static inline bool exit_kind_is_syslog(enum exit_kind k)
{
	return k <= EXIT_SYSLOG_TLS;
}

/* 0, or FAIL_CONFIG with a sentence; *ret is then of no use. */
int exit_spec_parse(const char *text, struct exit_spec *ret, char error[ALERT_ERROR_TEXT]);

#endif
