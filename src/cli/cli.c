#include "cli.h"
#include "rfc3339.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void error_line(const char *format, va_list args)
{
	fputs("shadowtap: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void cli_error(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	error_line(format, args);
	va_end(args);
}

int cli_usage(const char *command, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	error_line(format, args);
	va_end(args);
	fprintf(stderr, "Try 'shadowtap %s --help'.\n", command);
	return EXIT_USAGE;
}

bool cli_format_parse(const char *name, enum cli_format *ret)
{
	static const struct {
		const char *name;
		enum cli_format format;
	} formats[] = {{"text", CLI_TEXT}, {"json", CLI_JSON}, {"jsonl", CLI_JSONL}, {"csv", CLI_CSV}};
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		if (strcmp(name, formats[i].name) == 0) {
			*ret = formats[i].format;
			return true;
		}
	}
	return false;
}

bool cli_size_parse(const char *text, uint64_t *ret)
{
	static const char units[] = "KMGT";
	char *end;
	if (*text < '0' || *text > '9' || strlen(text) > 16) /* no sign, no space, no overflow */
		return false;
	uint64_t n = strtoull(text, &end, 10);
	const char *unit = *end ? strchr(units, *end) : NULL;
	if (*end && (!unit || end[1]))
		return false;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	if (n > UINT64_MAX >> shift)
		return false;
	*ret = n << shift;
	return true;
}

bool cli_age_parse(const char *text, uint64_t *ret_seconds)
{
	static const char units[] = "smhdw";
	static const unsigned factors[] = {1, 60, 3600, 86400, 7 * 86400};
	char *end;
	if (*text < '0' || *text > '9' || strlen(text) > 12)
		return false;
	uint64_t n = strtoull(text, &end, 10);
	const char *unit = *end ? strchr(units, *end) : units;
	if (!unit || (*end && end[1]))
		return false;
	*ret_seconds = n * factors[unit - units];
	return true;
}

bool cli_colour(FILE *f)
{
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
	if (no_colour && no_colour[0]) /* no-color.org: set and not empty */
		return false;
	return term && term[0] && strcmp(term, "dumb") != 0 && isatty(fileno(f));
}

const char *cli_signatures_dir(void)
{
	const char *named = getenv("SHADOWTAP_SIGNATURES");
	if (named && named[0])
		return named;
	if (access(SHADOWTAP_SIGNATURES_DIR, R_OK) != 0 && access(SHADOWTAP_BUILD_SIGNATURES_DIR, R_OK) == 0)
		return SHADOWTAP_BUILD_SIGNATURES_DIR;
	return SHADOWTAP_SIGNATURES_DIR;
}

int64_t cli_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Digits only: strtoll would take a sign, spaces and nothing at all. At most 11 of them, so that no unit overflows. */
static bool whole_number(struct slice s, long long *ret)
{
	long long value = 0;
	if (s.n == 0 || s.n > 11)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		value = value * 10 + (s.p[i] - '0');
	}
	*ret = value;
	return true;
}

bool cli_time_parse(const char *text, long long *ret_ns)
{
	const long long second = 1000000000, most = 9223372036; /* seconds that nanoseconds in 64 bits can hold */
	struct slice s = slice_str(text);
	long long n;
	int64_t ns;
	bool date_only;
	if (rfc3339_parse(s, &ns, &date_only)) {
		*ret_ns = ns;
		return true;
	}
	if (slice_starts(s, "@")) {
		if (!whole_number(slice_after(s, 1), &n) || n > most)
			return false;
		*ret_ns = n * second;
		return true;
	}
	if (s.n < 2 || !whole_number(slice_first(s, s.n - 1), &n))
		return false;
	switch (s.p[s.n - 1]) {
	case 's': break;
	case 'm': n *= 60; break;
	case 'h': n *= 3600; break;
	case 'd': n *= 86400; break;
	case 'w': n *= 7 * 86400; break;
	default: return false;
	}
	struct timespec now;
	if (clock_gettime(CLOCK_REALTIME, &now) != 0 || n > now.tv_sec)
		return false;
	*ret_ns = (now.tv_sec - n) * second + now.tv_nsec;
	return true;
}
