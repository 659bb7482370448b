#include "keylog.h"
#include <string.h>

/* The labels whose secrets open something here. */
static const struct label {
	const char *name;
	enum tls_secret kind;
} labels[] = {
	{"CLIENT_RANDOM", TLS_SECRET_MASTER},
	{"CLIENT_EARLY_TRAFFIC_SECRET", TLS_SECRET_EARLY},
	{"CLIENT_HANDSHAKE_TRAFFIC_SECRET", TLS_SECRET_CLIENT_HANDSHAKE},
	{"SERVER_HANDSHAKE_TRAFFIC_SECRET", TLS_SECRET_SERVER_HANDSHAKE},
	{"CLIENT_TRAFFIC_SECRET_0", TLS_SECRET_CLIENT_TRAFFIC},
	{"SERVER_TRAFFIC_SECRET_0", TLS_SECRET_SERVER_TRAFFIC},
};

enum line { LINE_EMPTY, LINE_SECRET, LINE_OTHER, LINE_BAD };

struct secret_line {
	enum tls_secret kind;
	uint8_t random[TLS_RANDOM], secret[TLS_SECRET_MAX];
	size_t n;
};

static struct slice word_take(struct slice *text)
{
	size_t n = slice_find(*text, ' ');
	struct slice word = slice_first(*text, n);
	*text = slice_after(*text, n);
	while (text->n && text->p[0] == ' ')
		*text = slice_after(*text, 1);
	return word;
}

static int nibble(uint8_t c)
{
	c = ascii_lower(c);
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* out: NULL to look only. */
static bool hex_read(struct slice word, uint8_t *out, size_t most)
{
	if (word.n == 0 || word.n % 2 || (out && word.n / 2 > most))
		return false;
	for (size_t i = 0; i < word.n; i += 2) {
		int high = nibble(word.p[i]), low = nibble(word.p[i + 1]);
		if (high < 0 || low < 0)
			return false;
		if (out)
			out[i / 2] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool is_label(struct slice word)
{
	for (size_t i = 0; i < word.n; i++)
		if (!((word.p[i] >= 'A' && word.p[i] <= 'Z') || (word.p[i] >= '0' && word.p[i] <= '9') || word.p[i] == '_'))
			return false;
	return word.n > 0;
}

static enum line line_read(struct slice text, struct secret_line *ret)
{
	while (text.n && (text.p[text.n - 1] == '\r' || text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t'))
		text.n--;
	if (text.n == 0 || text.p[0] == '#')
		return LINE_EMPTY;
	struct slice label = word_take(&text), random = word_take(&text), secret = word_take(&text);
	if (!is_label(label) || text.n || !hex_read(random, NULL, 0) || !hex_read(secret, NULL, 0))
		return LINE_BAD;
	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
		if (!slice_eq_str(label, labels[i].name))
			continue;
		ret->kind = labels[i].kind;
		ret->n = secret.n / 2;
		bool fits = ret->n == 48 || (ret->n == 32 && ret->kind != TLS_SECRET_MASTER);
		return random.n == 2 * TLS_RANDOM && fits && hex_read(random, ret->random, TLS_RANDOM) &&
		       hex_read(secret, ret->secret, TLS_SECRET_MAX) ? LINE_SECRET : LINE_BAD;
	}
	return LINE_OTHER; /* exporter secrets, RSA, those of QUIC and of ECH, and what is still to be invented */
}

static int line_take(struct keylog *k, struct slice text, struct tls_secrets *into, keylog_bad_fn *on_bad, void *context)
{
	struct secret_line s = {.n = 0};
	int r = 0;
	k->number++;
	switch (k->too_long ? LINE_BAD : line_read(text, &s)) {
	case LINE_SECRET:
		k->lines++;
		r = tls_secrets_add(into, s.random, s.kind, slice_of(s.secret, s.n));
		break;
	case LINE_BAD:
		k->malformed++;
		if (on_bad)
			on_bad(context, k->number);
		break;
	default: break;
	}
	explicit_bzero(&s, sizeof s);
	k->too_long = false;
	return r;
}

int keylog_read(struct keylog *k, struct slice bytes, struct tls_secrets *into, keylog_bad_fn *on_bad, void *context)
{
	int result = 0;
	while (bytes.n) {
		size_t n = slice_find(bytes, '\n');
		bool ended = n < bytes.n;
		struct slice text = slice_first(bytes, n);
		bytes = slice_after(bytes, n + 1);
		if (k->n || !ended) { /* a line in pieces */
			if (text.n > sizeof k->line - k->n) {
				k->too_long = true;
				text.n = 0;
			}
			if (text.n)
				memcpy(k->line + k->n, text.p, text.n);
			k->n += text.n;
			text = slice_of(k->line, k->n);
		} else if (text.n > sizeof k->line) {
			k->too_long = true;
		}
		if (!ended)
			break;
		int r = line_take(k, text, into, on_bad, context);
		result = result ? result : r;
		if (k->n)
			explicit_bzero(k->line, k->n);
		k->n = 0;
	}
	return result;
}

int keylog_end(struct keylog *k, struct tls_secrets *into)
{
	struct secret_line s = {.n = 0};
	int r = 0;
	if (k->n && !k->too_long && line_read(slice_of(k->line, k->n), &s) == LINE_SECRET) {
		k->lines++;
		r = tls_secrets_add(into, s.random, s.kind, slice_of(s.secret, s.n));
	}
	explicit_bzero(&s, sizeof s);
	return r;
}

void keylog_restart(struct keylog *k)
{
	explicit_bzero(k->line, sizeof k->line);
	k->n = 0;
	k->number = 0;
	k->too_long = false;
}

void keylog_done(struct keylog *k)
{
	explicit_bzero(k, sizeof *k);
}
