/* The text of --alert -> struct exit_spec: a URL, its percent-encoding undone, its parameters looked up. Called by
 * alert_exit_new. Refuses whatever it does not know, and says where: a misspelt parameter must not silently change what
 * leaves the house. */
#include "alert_exit_spec.h"
#include "alert_exit_spec_set.h"
#include "status.h"
#include "text.h"
#include <arpa/inet.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/un.h>

static const struct scheme {
	const char *name;
	enum exit_kind kind;
	const char *port; /* NULL: it has no host */
	const char *form;
} schemes[] = {
	{"syslog", EXIT_SYSLOG_LOCAL, NULL, "syslog:///dev/log"},
	{"syslog+udp", EXIT_SYSLOG_UDP, "514", "syslog+udp://HOST[:514]"},
	{"syslog+tcp", EXIT_SYSLOG_TCP, "601", "syslog+tcp://HOST[:601]"},
	{"syslog+tls", EXIT_SYSLOG_TLS, "6514", "syslog+tls://HOST[:6514]"},
	{"file", EXIT_FILE, NULL, "file:///PATH"},
	{"unix", EXIT_UNIX, NULL, "unix:///PATH"},
	{"stdout", EXIT_STDOUT, NULL, "stdout:"},
	{"https", EXIT_WEBHOOK, "443", "https://HOST[:443]/PATH"},
	{"http", EXIT_WEBHOOK, "80", "http://LOOPBACK[:80]/PATH"},
};

/* What is being read: for the place in sentences. */
struct reader {
	const char *text;
	const struct scheme *scheme;
	char *error;
};

__attribute__((format(printf, 3, 4))) static int refuse(struct reader *r, struct slice at, const char *format, ...)
{
	char what[ALERT_ERROR_TEXT];
	va_list args;
	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	snprintf(r->error, ALERT_ERROR_TEXT, "character %zu: %.480s", (size_t)(at.p - (const uint8_t *)r->text) + 1,
	         what);
	return FAIL_CONFIG;
}

/* A piece of the spec for a sentence: short, and harmless on a terminal. */
struct quoted {
	char text[80];
};

static struct quoted quote(struct slice s)
{
	struct quoted q;
	text_escape_terminal(q.text, sizeof q.text - 3, s);
	if (s.n >= sizeof q.text - 4)
		strcat(q.text, "...");
	return q;
}

static int hex_digit(uint8_t c)
{
	c = ascii_lower(c);
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* out has room: decoding never lengthens. */
static int percent_decode(struct reader *r, struct slice in, char out[LIMIT_ALERT_SPEC])
{
	size_t n = 0;
	while (in.n) {
		uint8_t c = in.p[0];
		size_t taken = 1;
		if (c == '%') {
			int high = in.n > 2 ? hex_digit(in.p[1]) : -1, low = in.n > 2 ? hex_digit(in.p[2]) : -1;
			if (high < 0 || low < 0)
				return refuse(r, in, "expected two hexadecimal digits after %%");
			c = (uint8_t)(high << 4 | low);
			taken = 3;
		}
		if (c < 0x20 || c == 0x7f)
			return refuse(r, in, "control characters are not taken");
		out[n++] = (char)c;
		in = slice_after(in, taken);
	}
	out[n] = 0;
	return 0;
}

static bool is_address(const char *host)
{
	uint8_t address[16];
	return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

static bool is_loopback(const char *host)
{
	uint8_t v4[4];
	return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
	       (inet_pton(AF_INET, host, v4) == 1 && v4[0] == 127);
}

static int read_authority(struct reader *r, struct slice at, struct exit_spec *ret)
{
	struct slice host;
	uint16_t port = 0;
	if (slice_find(at, '@') < at.n)
		return refuse(
			r, at,
			"no user name or password in the address: it would be shown; a webhook takes bearer-file=FILE");
	if (!authority_split(at, &host, &port) || host.n >= sizeof ret->host)
		return refuse(r, at, "expected a host, as in %s (an IPv6 address in brackets)", r->scheme->form);
	char text[HOSTNAME_TEXT];
	memcpy(text, host.p, host.n);
	text[host.n] = 0;
	if (is_address(text))
		strcpy(ret->host, text);
	else if (!hostname_normalize(host, ret->host))
		return refuse(r, host, "\"%s\" is neither a host name nor an address", quote(host).text);
	if (port)
		snprintf(ret->port, sizeof ret->port, "%u", port);
	else if (at.p[at.n - 1] == ':' || (at.n > 2 && at.p[at.n - 1] == '0' && at.p[at.n - 2] == ':'))
		return refuse(r, at, "expected a port from 1 to 65535 after the colon");
	else
		strcpy(ret->port, r->scheme->port);
	return 0;
}

/* The receiver's own path goes out as it is written. */
static int read_webhook_path(struct reader *r, struct slice path, struct exit_spec *ret)
{
	for (size_t i = 0; i < path.n; i++)
		if (path.p[i] <= ' ' || path.p[i] > '~')
			return refuse(r, slice_after(path, i), "expected printable ASCII; the rest is written as %%XX");
	memcpy(ret->path, path.p, path.n);
	ret->path[path.n] = 0;
	ret->secure = strcmp(r->scheme->name, "https") == 0;
	if (!ret->secure && !is_loopback(ret->host))
		return refuse(r, path,
		              "http:// only to a loopback address (localhost, 127.0.0.1, [::1]): expected https://");
	return 0;
}

static int read_target(struct reader *r, struct slice at, struct exit_spec *ret)
{
	if (ret->kind == EXIT_STDOUT)
		return at.n == 0 ? 0 : refuse(r, at, "expected stdout: and nothing behind it but parameters");
	if (!slice_starts(at, "//"))
		return refuse(r, at, "expected // as in %s", r->scheme->form);
	at = slice_after(at, 2);
	size_t n = slice_find(at, '/');
	struct slice authority = slice_first(at, n), path = slice_after(at, n);
	if (r->scheme->port) {
		int rc = read_authority(r, authority, ret);
		if (rc != 0)
			return rc;
		if (ret->kind == EXIT_WEBHOOK)
			return read_webhook_path(r, path, ret);
		return path.n <= 1 ? 0 : refuse(r, path, "expected no path, as in %s", r->scheme->form);
	}
	if (authority.n || path.n < 2)
		return refuse(r, at, "expected an absolute path, with three slashes: %s", r->scheme->form);
	int rc = percent_decode(r, path, ret->path);
	if (rc == 0 && ret->kind != EXIT_FILE && strlen(ret->path) >= sizeof((struct sockaddr_un *)0)->sun_path)
		return refuse(r, path, "the path of a socket may have %zu bytes",
		              sizeof((struct sockaddr_un *)0)->sun_path - 1);
	return rc;
}

static int unknown(struct reader *r, struct slice name, enum exit_kind kind)
{
	char known[256];
	size_t n = 0;
	known[0] = 0;
	for (size_t i = 0; i < exit_parameters_n; i++)
		if (exit_parameters[i].kinds >> kind & 1)
			text_append(known, sizeof known, &n, "%s%s", n ? ", " : "", exit_parameters[i].name);
	if (kind == EXIT_WEBHOOK) /* mostly a piece of the receiver's own query: a key */
		return refuse(r, name, "unknown parameter; %s takes %s; the receiver's own go into query=, as %%XX",
		              r->scheme->name, known);
	return refuse(r, name, "unknown parameter \"%s\"; %s takes %s", quote(name).text, r->scheme->name, known);
}

static int read_parameter(struct reader *r, struct slice at, struct exit_spec *ret, unsigned *seen)
{
	size_t n = slice_find(at, '=');
	struct slice name = slice_first(at, n), value = slice_after(at, n + 1);
	size_t i = 0;
	while (i < exit_parameters_n &&
	       !(slice_eq_str(name, exit_parameters[i].name) && exit_parameters[i].kinds >> ret->kind & 1))
		i++;
	if (i == exit_parameters_n)
		return unknown(r, name, ret->kind);
	if (value.n == 0)
		return refuse(r, name, "expected %s=VALUE", exit_parameters[i].name);
	if (*seen >> i & 1)
		return refuse(r, name, "%s is given twice", exit_parameters[i].name);
	*seen |= 1u << i;
	char text[LIMIT_ALERT_SPEC];
	const char *why = NULL;
	int rc = percent_decode(r, value, text);
	if (rc == 0 && !exit_parameters[i].set(ret, text, &why))
		/* A webhook's may be a password: a query's, or a token where the file with it belongs. */
		rc = refuse(r, value, "%s=%s: %s", exit_parameters[i].name,
		            ret->kind == EXIT_WEBHOOK ? "..." : quote(slice_str(text)).text, why);
	return rc;
}

/* Slack and others put their secret into the path, so a webhook is named by its host and by what tells two of one host
 * apart. */
static void name_it(struct reader *r, bool format_given, struct exit_spec *ret)
{
	size_t n = 0;
	bool v6 = strchr(ret->host, ':');
	if (r->scheme->port)
		text_append(ret->name, sizeof ret->name, &n, "%s://%s%s%s:%s", r->scheme->name, v6 ? "[" : "",
		            ret->host, v6 ? "]" : "", ret->port);
	else
		text_append(ret->name, sizeof ret->name, &n, "%s:%s%s", r->scheme->name, ret->path[0] ? "//" : "",
		            ret->path);
	if (ret->kind == EXIT_WEBHOOK) {
		text_append(ret->url, sizeof ret->url, &(size_t){0}, "%s%s%s%s", ret->name,
		            ret->path[0] ? ret->path : "/", ret->query[0] ? "?" : "", ret->query);
		uint8_t digest[SHA256_DIGEST_LENGTH];
		SHA256((const uint8_t *)ret->url, strlen(ret->url), digest);
		text_append(ret->name, sizeof ret->name, &n, "/~%02x%02x%02x%02x", digest[0], digest[1], digest[2],
		            digest[3]);
	}
	if (format_given)
		text_append(ret->name, sizeof ret->name, &n, "?format=%s", alert_format_name(ret->format));
}

int exit_spec_parse(const char *text, struct exit_spec *ret, char error[ALERT_ERROR_TEXT])
{
	struct slice whole = slice_str(text);
	struct reader r = {text, NULL, error};
	memset(ret, 0, sizeof *ret);
	if (whole.n >= LIMIT_ALERT_SPEC)
		return refuse(&r, slice_after(whole, LIMIT_ALERT_SPEC), "an exit is described in less than %d bytes",
		              LIMIT_ALERT_SPEC);
	size_t n = slice_find(whole, ':');
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes && n < whole.n; i++)
		if (slice_eq_str(slice_first(whole, n), schemes[i].name))
			r.scheme = &schemes[i];
	if (!r.scheme)
		return refuse(&r, whole,
		              "\"%s\": expected syslog:///dev/log, syslog+udp://, syslog+tcp://, syslog+tls://, "
		              "file:///PATH, unix:///PATH, stdout: or https://",
		              quote(slice_first(whole, n)).text);
	ret->kind = r.scheme->kind;
	ret->format = exit_kind_is_syslog(ret->kind) ? ALERT_TEXT : ALERT_JSON;
	ret->timeout_ms = ALERT_TIMEOUT_SECONDS * 1000;
	ret->facility = 16; /* local0 */
	ret->rfc3164 = ret->kind == EXIT_SYSLOG_LOCAL; /* what those who listen on /dev/log expect */
	struct slice rest = slice_after(whole, n + 1);
	if (slice_find(rest, '#') < rest.n)
		return refuse(&r, slice_after(rest, slice_find(rest, '#')), "a # is written as %%23");
	n = slice_find(rest, '?');
	struct slice parameters = slice_after(rest, n + 1);
	int rc = read_target(&r, slice_first(rest, n), ret);
	unsigned seen = 0;
	while (rc == 0 && parameters.n) {
		n = slice_find(parameters, '&');
		rc = read_parameter(&r, slice_first(parameters, n), ret, &seen);
		parameters = slice_after(parameters, n + 1);
	}
	if (rc == 0 && !ret->cert[0] != !ret->key[0])
		rc = refuse(&r, whole, "cert and key belong together");
	if (rc == 0 && ret->kind == EXIT_WEBHOOK && !ret->secure && (ret->ca[0] || ret->cert[0]))
		rc = refuse(&r, whole, "ca, cert and key are for https://");
	if (rc != 0)
		return rc;
	bool datagram = ret->kind == EXIT_SYSLOG_UDP;
	if (!ret->max)
		ret->max = !datagram      ? LIMIT_SYSLOG_STREAM
		           : ret->rfc3164 ? LIMIT_SYSLOG_3164_DATAGRAM
		                          : LIMIT_SYSLOG_DATAGRAM;
	name_it(&r, seen & 1, ret); /* format is the first of the parameters */
	return 0;
}
