/* The parameters of an exit's spec, one function each: what is taken, and the sentence for what is not. Called by
 * exit_spec_parse by way of the table at the end. Opens nothing. */
#include "alert_exit_spec_set.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BIT(kind) (1u << (kind))
#define ALL (BIT(EXIT_WEBHOOK + 1) - 1)
#define SYSLOG (BIT(EXIT_SYSLOG_LOCAL) | BIT(EXIT_SYSLOG_UDP) | BIT(EXIT_SYSLOG_TCP) | BIT(EXIT_SYSLOG_TLS))
#define WITH_TLS (BIT(EXIT_SYSLOG_TLS) | BIT(EXIT_WEBHOOK))

/* RFC 5424 6.2.1, in its order; the names are those of syslog(3). */
static const char *const facilities[] = {"kern",   "user",   "mail",   "daemon", "auth",     "syslog",
                                         "lpr",    "news",   "uucp",   "cron",   "authpriv", "ftp",
                                         "ntp",    "audit",  "alert",  "clock",  "local0",   "local1",
                                         "local2", "local3", "local4", "local5", "local6",   "local7"};

static bool number(const char *text, long least, long most, long *ret)
{
	char *end;
	errno = 0;
	if (text[0] < '0' || text[0] > '9')
		return false;
	long v = strtol(text, &end, 10);
	if (errno || *end || v < least || v > most)
		return false;
	*ret = v;
	return true;
}

static bool set_format(struct exit_spec *spec, const char *value, const char **why)
{
	*why = "expected text, json, cef, eve, zeek, ecs or ocsf";
	return alert_format_parse(value, &spec->format);
}

static bool set_severity(struct exit_spec *spec, const char *value, const char **why)
{
	*why = "expected info, low, medium or high: the least severity that is sent here";
	for (int s = 0; s < SEVERITY_COUNT; s++)
		if (strcmp(value, severity_name((enum severity)s)) == 0) {
			spec->least = (enum severity)s;
			return true;
		}
	return false;
}

static bool set_timeout(struct exit_spec *spec, const char *value, const char **why)
{
	long seconds;
	*why = "expected seconds from 1 to 300";
	if (!number(value, 1, LIMIT_ALERT_TIMEOUT_SECONDS, &seconds))
		return false;
	spec->timeout_ms = (int)seconds * 1000;
	return true;
}

static bool set_protocol(struct exit_spec *spec, const char *value, const char **why)
{
	*why = "expected 5424 or 3164";
	spec->rfc3164 = strcmp(value, "3164") == 0;
	return spec->rfc3164 || strcmp(value, "5424") == 0;
}

static bool set_framing(struct exit_spec *spec, const char *value, const char **why)
{
	*why = "expected octet or newline";
	spec->newline = strcmp(value, "newline") == 0;
	return spec->newline || strcmp(value, "octet") == 0;
}

static bool set_facility(struct exit_spec *spec, const char *value, const char **why)
{
	*why = "expected a facility of syslog(3): kern, user, mail, daemon, auth, syslog, lpr, news, uucp, cron, "
	       "authpriv, ftp, ntp, audit, alert, clock, local0 ... local7";
	for (size_t i = 0; i < sizeof facilities / sizeof *facilities; i++)
		if (strcmp(value, facilities[i]) == 0) {
			spec->facility = (int)i;
			return true;
		}
	return false;
}

static bool set_max(struct exit_spec *spec, const char *value, const char **why)
{
	long bytes;
	*why = "expected bytes from 480 to 65000";
	if (!number(value, LIMIT_SYSLOG_LEAST, LIMIT_SYSLOG_MOST, &bytes))
		return false;
	spec->max = (size_t)bytes;
	return true;
}

/* A header's HOSTNAME ends at a space and is ASCII (RFC 5424 6.2.4). */
static bool set_hostname(struct exit_spec *spec, const char *value, const char **why)
{
	*why = "expected up to 255 printable ASCII characters without a space";
	for (const char *c = value; *c; c++)
		if (*c <= ' ' || *c > '~')
			return false;
	if (strlen(value) >= sizeof spec->hostname)
		return false;
	strcpy(spec->hostname, value);
	return true;
}

/* A file that has to be there: better said now than at the first alert. */
static bool set_file(char out[LIMIT_ALERT_SPEC], const char *value, const char **why)
{
	*why = "expected the absolute path of a file";
	if (value[0] != '/')
		return false;
	*why = "that file cannot be read";
	if (access(value, R_OK) != 0)
		return false;
	strcpy(out, value);
	return true;
}

static bool set_ca(struct exit_spec *spec, const char *value, const char **why)
{
	return set_file(spec->ca, value, why);
}

static bool set_cert(struct exit_spec *spec, const char *value, const char **why)
{
	return set_file(spec->cert, value, why);
}

static bool set_key(struct exit_spec *spec, const char *value, const char **why)
{
	return set_file(spec->key, value, why);
}

static bool set_bearer_file(struct exit_spec *spec, const char *value, const char **why)
{
	return set_file(spec->bearer_file, value, why);
}

static bool set_name(struct exit_spec *spec, const char *value, const char **why)
{
	*why = "expected the host name or address that the server's certificate bears";
	uint8_t address[16];
	if (inet_pton(AF_INET, value, address) == 1 || inet_pton(AF_INET6, value, address) == 1)
		strcpy(spec->server_name, value); /* the longest address is shorter than any host name may be */
	else if (!hostname_normalize(slice_str(value), spec->server_name))
		return false;
	return true;
}

static bool set_query(struct exit_spec *spec, const char *value, const char **why)
{
	*why = "expected printable ASCII without a space or #";
	for (const char *c = value; *c; c++)
		if (*c <= ' ' || *c > '~' || *c == '#')
			return false;
	strcpy(spec->query, value);
	return true;
}

const struct exit_parameter exit_parameters[] = {
	{"format", ALL, set_format},
	{"severity", ALL, set_severity},
	{"timeout", ALL, set_timeout},
	{"protocol", SYSLOG, set_protocol},
	{"facility", SYSLOG, set_facility},
	{"hostname", SYSLOG, set_hostname},
	{"max", SYSLOG, set_max},
	{"framing", BIT(EXIT_SYSLOG_TCP), set_framing},
	{"name", BIT(EXIT_SYSLOG_TLS), set_name},
	{"ca", WITH_TLS, set_ca},
	{"cert", WITH_TLS, set_cert},
	{"key", WITH_TLS, set_key},
	{"query", BIT(EXIT_WEBHOOK), set_query},
	{"bearer-file", BIT(EXIT_WEBHOOK), set_bearer_file},
};
const size_t exit_parameters_n = sizeof exit_parameters / sizeof *exit_parameters;
