/* Bytes of one direction -> records -> their content. After a gap: a record that only lost its middle is passed over; else what looks like
 * a record header is sought, and the tag says whether it is one, and with which number. */
#include "tls_decrypt_state.h"
#include <stdlib.h>

enum { CLOSE_NOTIFY = 0, USER_CANCELED = 90, FATAL = 2, RECORD_LEAST = 22, TRIED_AT_START = 16 };

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void fail(struct tls_decrypt *t, enum direction d, enum anomaly why)
{
	anomaly_count(t->room->anomalies, why);
	if (t->has_client && t->has_server)
		tls_decrypt_shut(t, d);
	else
		tls_decrypt_shut_both(t); /* there will be no keys */
}

static size_t record_length(const struct tls_side *s)
{
	return (size_t)(s->header[3] << 8 | s->header[4]);
}

/* ---- content ---- */

static void deliver(struct tls_decrypt *t, enum direction d, struct slice plain)
{
	struct tls_side *s = &t->side[d];
	if (!t->opened) {
		t->opened = true;
		t->room->counts.decrypted++;
		tls_learn_decrypted(t->hellos);
		t->callbacks->learned(t->context);
	}
	if (s->gapped)
		t->callbacks->gap(t->context, d);
	s->gapped = false;
	if (plain.n)
		t->callbacks->bytes(t->context, d, plain);
}

static void alert(struct tls_decrypt *t, enum direction d, struct slice plain)
{
	if (plain.n < 2 || plain.p[1] == USER_CANCELED)
		return;
	/* RFC 8446 6: whatever the level says, all but closure alerts are fatal; RFC 5246 7.2: warnings are not */
	if (plain.p[1] != CLOSE_NOTIFY && plain.p[0] != FATAL && !t->tls13)
		return;
	if (!t->side[d].ended && t->opened)
		t->callbacks->end(t->context, d);
	t->side[d].ended = true;
	tls_decrypt_shut(t, d);
}

static enum tls_step content(struct tls_decrypt *t, enum direction d, size_t n)
{
	struct tls_side *s = &t->side[d];
	const uint8_t *plain = t->room->plain[t->depth];
	uint8_t type = s->header[0];
	if (t->tls13) { /* RFC 8446 5.4: the type is the last byte that is not 0 */
		while (n && plain[n - 1] == 0)
			n--;
		if (n == 0) {
			fail(t, d, ANOMALY_TLS_RECORD_BAD);
			return TLS_STEP_ON;
		}
		type = plain[--n];
	}
	if (type == TLS_CHANGE_CIPHER_SPEC && !t->tls13)
		return tls_keys_12(t, d); /* a renegotiation; the record is opened once more if it has to wait */
	s->sequence++;
	switch (type) {
	case TLS_HANDSHAKE: tls_handshake_bytes(t, d, slice_of(plain, n), true); break;
	case TLS_ALERT: alert(t, d, slice_of(plain, n)); break;
	case TLS_HEARTBEAT: break;
	case TLS_APPLICATION_DATA:
		if (s->epoch != TLS_HANDSHAKING) {
			deliver(t, d, slice_of(plain, n));
			break;
		}
		/* fall through */
	default: fail(t, d, ANOMALY_TLS_RECORD_BAD);
	}
	return TLS_STEP_ON;
}

/* ---- opening ---- */

static bool open_with(struct tls_decrypt *t, struct tls_side *s, struct tls_cipher *c, uint64_t from, uint32_t reach, struct slice body,
                      uint64_t *ret_number, size_t *ret_n)
{
	for (uint32_t i = 0; i < reach && s->tries < LIMIT_TLS_PLACE_TRIES; i++) {
		s->tries++;
		if (tls_cipher_open(c, from + i, s->header, body, t->room->plain[t->depth], ret_n)) {
			*ret_number = from + i;
			return true;
		}
	}
	return false;
}

/* A record whose number is not known, and perhaps not its epoch: the gap may have swallowed a Finished. */
static bool open_hunted(struct tls_decrypt *t, enum direction d, struct slice body, size_t *ret_n)
{
	struct tls_side *s = &t->side[d];
	uint64_t number = 0;
	bool found = open_with(t, s, &s->cipher, s->sequence, s->reach, body, &number, ret_n);
	if (!found && t->tls13 && s->by_gap && s->epoch != TLS_APPLICATION) {
		enum tls_secret kind = d == FROM_CLIENT ? TLS_SECRET_CLIENT_TRAFFIC : TLS_SECRET_SERVER_TRAFFIC;
		struct slice secret = tls_secrets_find(t->room->secrets, t->client_random, kind);
		struct tls_cipher later = {.context = NULL};
		if (secret.n && tls_cipher_start_13(&later, t->suite, secret) &&
		    open_with(t, s, &later, 0, TRIED_AT_START, body, &number, ret_n))
			found = tls_keys_13(t, d, TLS_APPLICATION) == TLS_STEP_ON && !s->shut;
		tls_cipher_done(&later);
	}
	if (found) {
		s->sequence = number;
		s->hunted = s->by_gap = false;
	}
	return found;
}

static enum tls_step not_opened(struct tls_decrypt *t, enum direction d)
{
	struct tls_side *s = &t->side[d];
	if (s->hunted) {
		s->reach += s->by_gap && s->reach < LIMIT_TLS_PLACE_REACH;
		if (s->tries >= LIMIT_TLS_PLACE_TRIES)
			fail(t, d, ANOMALY_TLS_PLACE_LOST);
		return TLS_STEP_ON;
	}
	if (t->tls13 && s->epoch == TLS_EARLY) { /* refused after all, or its end was not sent */
		enum tls_step step = tls_keys_13(t, d, TLS_HANDSHAKING);
		if (step != TLS_STEP_ON || s->shut)
			return step;
		s->hunted = true;
		s->reach = 1;
		return TLS_STEP_AGAIN;
	}
	fail(t, d, ANOMALY_TLS_TAG_BAD);
	return TLS_STEP_ON;
}

static enum tls_step protected_record(struct tls_decrypt *t, enum direction d, struct slice body)
{
	struct tls_side *s = &t->side[d];
	size_t n = 0;
	if (t->tls13 && s->header[0] != TLS_APPLICATION_DATA) {
		/* RFC 8446 5: a ChangeCipherSpec means nothing; D.4. A second ClientHello comes behind early data that was refused. */
		bool passes = s->header[0] == TLS_CHANGE_CIPHER_SPEC || s->header[0] == TLS_ALERT || s->hunted;
		if (!passes)
			fail(t, d, ANOMALY_TLS_RECORD_BAD);
		return TLS_STEP_ON;
	}
	bool opened = s->hunted ? open_hunted(t, d, body, &n)
	                        : tls_cipher_open(&s->cipher, s->sequence, s->header, body, t->room->plain[t->depth], &n);
	return opened ? content(t, d, n) : not_opened(t, d);
}

static enum tls_step clear_record(struct tls_decrypt *t, enum direction d, struct slice body)
{
	struct tls_side *s = &t->side[d];
	enum tls_step step;
	switch (s->header[0]) {
	case TLS_HANDSHAKE:
		if (!s->holes)
			tls_handshake_bytes(t, d, body, false);
		return TLS_STEP_ON;
	case TLS_CHANGE_CIPHER_SPEC:
		if (d == FROM_CLIENT && !t->has_server)
			return TLS_STEP_WAIT; /* what it means, the ServerHello says */
		if (t->tls13 || !t->has_server)
			return TLS_STEP_ON;
		return t->has_client ? tls_keys_12(t, d) : TLS_STEP_WAIT;
	case TLS_APPLICATION_DATA:
		if (!t->has_client || !t->has_server)
			return TLS_STEP_WAIT;
		if (!t->tls13)
			break;
		step = tls_keys_13_first(t, d);
		return step == TLS_STEP_ON && !s->shut ? TLS_STEP_AGAIN : step;
	case TLS_ALERT: return TLS_STEP_ON;
	default: break;
	}
	fail(t, d, ANOMALY_TLS_RECORD_BAD);
	return TLS_STEP_ON;
}

/* body: apart from where records are opened. */
static enum tls_step record(struct tls_decrypt *t, enum direction d, struct slice body)
{
	struct tls_side *s = &t->side[d];
	enum tls_step step;
	do {
		if (s->turn != TLS_CLEAR) {
			step = tls_keys_13(t, d, s->turn);
			if (step != TLS_STEP_ON || s->shut)
				return step;
			s->turn = TLS_CLEAR;
		}
		step = s->epoch == TLS_CLEAR ? clear_record(t, d, body) : protected_record(t, d, body);
	} while (step == TLS_STEP_AGAIN);
	return step;
}

/* ---- bytes ---- */

static bool append(struct tls_decrypt *t, struct tls_side *s, struct slice bytes)
{
	size_t need = s->n + bytes.n;
	if (need > s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 1024;
		while (cap < need)
			cap *= 2;
		uint8_t *grown = realloc(s->body, cap);
		if (!grown) {
			tls_decrypt_shut(t, s == &t->side[FROM_CLIENT] ? FROM_CLIENT : FROM_SERVER);
			return false;
		}
		s->body = grown;
		s->cap = (uint32_t)cap;
	}
	if (bytes.n)
		memcpy(s->body + s->n, bytes.p, bytes.n);
	s->n = (uint32_t)need;
	return true;
}

static void next_record(struct tls_side *s)
{
	s->header_n = 0;
	s->n = 0;
	s->whole = false;
}

static bool header_fits(const uint8_t *h)
{
	return h[0] >= TLS_CHANGE_CIPHER_SPEC && h[0] <= TLS_HEARTBEAT && h[1] == 3 && (size_t)(h[3] << 8 | h[4]) <= TLS_RECORD_MAX;
}

/* Passes bytes->n bytes of a record that is lost. */
static void pass_damaged(struct tls_side *s, struct slice *bytes)
{
	size_t n = smaller(s->damaged, bytes->n);
	*bytes = slice_after(*bytes, n);
	s->damaged -= (uint32_t)n;
	if (!s->damaged)
		next_record(s);
}

/* Is there a record of this connection at the front of what is kept? */
enum place { PLACE_NOT, PLACE_MORE, PLACE_FOUND };

static enum place look(struct tls_decrypt *t, enum direction d, const uint8_t *at, size_t n, size_t *ret_plain)
{
	struct tls_side *s = &t->side[d];
	static const uint8_t change[] = {TLS_CHANGE_CIPHER_SPEC, 3, 3, 0, 1, 1};
	if (s->epoch == TLS_CLEAR) { /* up to TLS 1.2: what tells that all that follows has tags */
		if (memcmp(at, change, smaller(n, sizeof change)) != 0)
			return PLACE_NOT;
		return n < sizeof change ? PLACE_MORE : PLACE_FOUND;
	}
	if (n < TLS_RECORD_HEADER)
		return PLACE_MORE;
	size_t length = (size_t)(at[3] << 8 | at[4]);
	if (!header_fits(at) || at[2] != 3 || length + TLS_RECORD_HEADER < RECORD_LEAST || (t->tls13 && at[0] != TLS_APPLICATION_DATA))
		return PLACE_NOT;
	if (n < TLS_RECORD_HEADER + length)
		return PLACE_MORE;
	memcpy(s->header, at, TLS_RECORD_HEADER);
	return open_hunted(t, d, slice_of(at + TLS_RECORD_HEADER, length), ret_plain) ? PLACE_FOUND : PLACE_NOT;
}

/* The place is found: the record at `at` of what is kept is dealt with, and what is behind it read as usual. */
static bool found(struct tls_decrypt *t, enum direction d, size_t at, size_t plain)
{
	struct tls_side *s = &t->side[d];
	size_t length = s->epoch == TLS_CLEAR ? 1 : record_length(s), end = at + TLS_RECORD_HEADER + length;
	struct slice rest = {NULL, 0};
	uint8_t *copy = NULL;
	enum tls_step step;
	s->sought = false;
	if (s->n > end && !(copy = malloc(s->n - end))) {
		tls_decrypt_shut(t, d);
		return true;
	}
	if (copy) {
		memcpy(copy, s->body + end, s->n - end);
		rest = slice_of(copy, s->n - end);
	}
	next_record(s);
	if (s->epoch == TLS_CLEAR) {
		s->hunted = false;
		step = tls_keys_12(t, d);
	} else {
		step = content(t, d, plain);
	}
	bool on = step != TLS_STEP_WAIT && tls_side_feed(t, d, &rest);
	if (!on && !s->shut) { /* a place found in a handshake whose keys are not there: not worth keeping */
		anomaly_count(t->room->anomalies, ANOMALY_TLS_PLACE_LOST);
		tls_decrypt_shut(t, d);
	}
	free(copy);
	return true;
}

/* Keeps a record's worth of bytes and looks at each place in them. */
static void seek(struct tls_decrypt *t, enum direction d, struct slice *bytes)
{
	struct tls_side *s = &t->side[d];
	struct slice part = slice_first(*bytes, TLS_RECORD_HEADER + TLS_RECORD_MAX - s->n);
	size_t at = 0, plain = 0;
	enum place place = PLACE_NOT;
	*bytes = slice_after(*bytes, part.n);
	if (!append(t, s, part))
		return;
	while (at < s->n && (place = look(t, d, s->body + at, s->n - at, &plain)) == PLACE_NOT && s->tries < LIMIT_TLS_PLACE_TRIES)
		at++;
	if (place == PLACE_FOUND) {
		found(t, d, at, plain);
		return;
	}
	if (s->tries >= LIMIT_TLS_PLACE_TRIES) {
		fail(t, d, ANOMALY_TLS_PLACE_LOST);
		return;
	}
	memmove(s->body, s->body + at, s->n - at);
	s->n -= (uint32_t)at;
}

bool tls_side_feed(struct tls_decrypt *t, enum direction d, struct slice *bytes)
{
	struct tls_side *s = &t->side[d];
	for (;;) {
		if (s->shut) {
			*bytes = slice_after(*bytes, bytes->n);
			return true;
		}
		if (s->whole) {
			if (record(t, d, slice_of(s->body, s->n)) == TLS_STEP_WAIT)
				return false;
			next_record(s);
			continue;
		}
		if (bytes->n == 0)
			return true;
		if (s->sought) {
			seek(t, d, bytes);
			continue;
		}
		if (s->damaged) {
			pass_damaged(s, bytes);
			continue;
		}
		while (s->header_n < TLS_RECORD_HEADER && bytes->n) {
			s->header[s->header_n++] = bytes->p[0];
			*bytes = slice_after(*bytes, 1);
		}
		if (s->header_n < TLS_RECORD_HEADER)
			return true;
		if (!header_fits(s->header)) {
			fail(t, d, ANOMALY_TLS_RECORD_BAD);
			continue;
		}
		size_t length = record_length(s);
		if (s->n == 0 && bytes->n >= length) {
			struct slice body = slice_first(*bytes, length);
			*bytes = slice_after(*bytes, length);
			if (record(t, d, body) != TLS_STEP_WAIT) {
				next_record(s);
				continue;
			}
			s->whole = append(t, s, body);
			return !s->whole;
		}
		struct slice part = slice_first(*bytes, length - s->n);
		*bytes = slice_after(*bytes, part.n);
		s->whole = append(t, s, part) && s->n == length;
	}
}

/* ---- gaps ---- */

static void lose_messages(struct tls_side *s)
{
	uint8_t reads = s->messages.reads;
	tls_messages_done(&s->messages);
	s->messages = (struct tls_messages){.reads = reads};
}

static void hunt(struct tls_side *s, uint64_t lost)
{
	uint64_t reach = (s->hunted ? s->reach : 1) + (lost ? lost / RECORD_LEAST + 1 : LIMIT_TLS_PLACE_REACH);
	s->hunted = s->by_gap = true;
	s->reach = (uint32_t)(reach < LIMIT_TLS_PLACE_REACH ? reach : LIMIT_TLS_PLACE_REACH);
}

/* What was lost belongs to the handshake. False: it has to wait. */
static bool gap_in_clear(struct tls_decrypt *t, enum direction d)
{
	struct tls_side *s = &t->side[d];
	if (d == FROM_CLIENT ? !t->has_client : !t->has_server) {
		tls_decrypt_shut_both(t);
		return true;
	}
	if (!t->has_client || !t->has_server)
		return false;
	if (t->tls13)
		return tls_keys_13_first(t, d) != TLS_STEP_WAIT;
	s->holes = true;
	t->full |= d == FROM_SERVER; /* if it is a resumption, its secret is looked for under its own name alone */
	return true;
}

bool tls_side_gap(struct tls_decrypt *t, enum direction d, uint64_t n)
{
	struct tls_side *s = &t->side[d];
	struct slice none = {NULL, 0};
	if (s->whole && !tls_side_feed(t, d, &none))
		return false;
	if (s->epoch == TLS_CLEAR && !s->shut && !gap_in_clear(t, d))
		return false;
	if (s->shut)
		return true;
	s->gapped = true;
	lose_messages(s);
	size_t left = s->damaged ? s->damaged : s->header_n == TLS_RECORD_HEADER ? record_length(s) - s->n : 0;
	if (n == 0 || n > left || s->sought) {
		hunt(s, n);
		s->sought = true;
		s->damaged = 0;
		next_record(s);
		return true;
	}
	if (!s->damaged && s->epoch != TLS_CLEAR) {
		s->sequence += !s->hunted;
		if (s->epoch != TLS_APPLICATION || s->hunted)
			hunt(s, RECORD_LEAST); /* it may have held the Finished */
	}
	s->n = 0;
	s->damaged = (uint32_t)(left - n);
	if (!s->damaged)
		next_record(s);
	return true;
}
