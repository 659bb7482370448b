#include "rfc3339.h"
#include "frame.h"
#include <stdio.h>
#include <time.h>

/* Exactly n digits at the front of *s, and the byte after them if there must be one. */
static bool digits(struct slice *s, size_t n, unsigned *ret)
{
	unsigned value = 0;
	if (s->n < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return false;
		value = value * 10 + (s->p[i] - '0');
	}
	*s = slice_after(*s, n);
	*ret = value;
	return true;
}

static bool literal(struct slice *s, uint8_t c)
{
	if (s->n == 0 || ascii_lower(s->p[0]) != c) /* "t" and "z" may be small (RFC 3339 5.6) */
		return false;
	*s = slice_after(*s, 1);
	return true;
}

static unsigned month_days(unsigned year, unsigned month)
{
	static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return days[month - 1] + (month == 2 && leap);
}

static int64_t days_since_epoch(unsigned year, unsigned month, unsigned day)
{
	unsigned before = year - 1;
	int64_t days = (int64_t)before * 365 + before / 4 - before / 100 + before / 400 - 719162;
	for (unsigned m = 1; m < month; m++)
		days += month_days(year, m);
	return days + day - 1;
}

static bool parse_fraction(struct slice *s, int64_t *ret_ns)
{
	int64_t unit = NS_PER_SEC, ns = 0;
	size_t n = 0;
	while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9') {
		unit /= 10;
		ns += unit * (s->p[n++] - '0');
	}
	*s = slice_after(*s, n);
	*ret_ns = ns;
	return n > 0;
}

static bool parse_zone(struct slice *s, int64_t *ret_seconds)
{
	if (literal(s, 'z')) {
		*ret_seconds = 0;
		return true;
	}
	bool west = s->n && s->p[0] == '-';
	unsigned hours, minutes;
	if ((!west && !(s->n && s->p[0] == '+')))
		return false;
	*s = slice_after(*s, 1);
	if (!digits(s, 2, &hours) || !literal(s, ':') || !digits(s, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_seconds = (int64_t)(hours * 3600 + minutes * 60) * (west ? -1 : 1);
	return true;
}

bool rfc3339_parse(struct slice text, int64_t *ret_ns, bool *ret_date_only)
{
	struct slice s = text;
	unsigned year, month, day, hour = 0, minute = 0, second = 0;
	int64_t fraction = 0, zone = 0;
	if (!digits(&s, 4, &year) || !literal(&s, '-') || !digits(&s, 2, &month) || !literal(&s, '-') || !digits(&s, 2, &day))
		return false;
	if (year < 1970 || year > 2261 || month < 1 || month > 12 || day < 1 || day > month_days(year, month))
		return false;
	bool date_only = s.n == 0;
	if (!date_only) {
		if (!literal(&s, 't') || !digits(&s, 2, &hour) || !literal(&s, ':') || !digits(&s, 2, &minute) ||
		    !literal(&s, ':') || !digits(&s, 2, &second))
			return false;
		if (hour > 23 || minute > 59 || second > 60) /* 60: a leap second (RFC 3339 5.7) */
			return false;
		if (literal(&s, '.') && !parse_fraction(&s, &fraction))
			return false;
		if (!parse_zone(&s, &zone) || s.n)
			return false;
	}
	int64_t seconds = days_since_epoch(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - zone;
	if (seconds < 0)
		return false;
	*ret_ns = seconds * NS_PER_SEC + fraction;
	*ret_date_only = date_only;
	return true;
}

void rfc3339_format(int64_t ns, char out[RFC3339_TEXT])
{
	time_t seconds = (time_t)(ns / NS_PER_SEC - (ns % NS_PER_SEC < 0));
	struct tm tm;
	if (!gmtime_r(&seconds, &tm) || strftime(out, RFC3339_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(out, RFC3339_TEXT, "@%lld", (long long)seconds);
}
