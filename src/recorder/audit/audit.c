/* Two hash tables over the requests that wait: by connection, and by session and id. An answer is looked for where it is surest first: in its own
 * HTTP exchange, on its own connection, in its session. What waits does so in one of two lists: with its connection, or (an orphan) without. */
#include "audit.h"
#include "frame.h"
#include "siphash.h"
#include "text.h"
#include <stdlib.h>

#define BUCKETS 4096u

struct list {
	struct entry *first, *last;
};

struct entry {
	struct audit_call call; /* method and name are those below */
	uint64_t exchange, session, id;
	bool done;              /* its row is out, and its answer need not be looked at */
	bool lost;              /* an answer may be among what was not captured */
	int64_t orphan_ns;
	struct entry *connection_next, **connection_at; /* newest first */
	struct entry *session_next, **session_at;       /* likewise; not there without session or id */
	struct list *list;
	struct entry *older, *newer;
	char method[LIMIT_METHOD], name[LIMIT_PATH];
};

struct answer {
	struct call call; /* no texts */
	struct audit_place place;
	bool used;
};

struct audit {
	audit_fn *fn;
	void *context;
	struct hash_key key;
	struct entry *by_connection[BUCKETS], *by_session[BUCKETS];
	struct list waiting, orphans; /* oldest first */
	unsigned n;
	struct answer answers[LIMIT_CALL_ANSWERS]; /* a ring */
	unsigned answers_at, n_answers;
	int64_t now_ns;
	int failure;
	struct audit_counts counts;
};

struct audit *audit_new(audit_fn *fn, void *context)
{
	struct audit *a = calloc(1, sizeof *a);
	if (a && !hash_key_random(&a->key)) {
		free(a);
		return NULL;
	}
	if (a) {
		a->fn = fn;
		a->context = context;
	}
	return a;
}

const struct audit_counts *audit_counts(const struct audit *a)
{
	return &a->counts;
}

/* ---- tables and lists ---- */

static struct entry **connection_bucket(struct audit *a, const struct connection_ref *r)
{
	uint64_t words[] = {(uint64_t)r->connection_time_ns, r->first_frame, (uint64_t)r->capture << 32 | r->authority_ordinal};
	return &a->by_connection[siphash13_words(&a->key, words, 3) % BUCKETS];
}

/* A key that strangers may share (their endpoint's URI) is one of each client alone. */
static struct entry **session_bucket(struct audit *a, uint64_t session, uint64_t id, enum direction from, const struct audit_place *p)
{
	uint64_t words[6] = {session, id, from, p->scope};
	if (session & SESSION_KEY_SHARED)
		memcpy(&words[4], p->client_ip.b, 16);
	return &a->by_session[siphash13_words(&a->key, words, 6) % BUCKETS];
}

static bool same_connection(const struct connection_ref *a, const struct connection_ref *b)
{
	return a->connection_time_ns == b->connection_time_ns && a->first_frame == b->first_frame && a->capture == b->capture &&
	       a->authority_ordinal == b->authority_ordinal;
}

static bool same_session(uint64_t session, const struct audit_place *p, uint64_t other, const struct audit_place *q)
{
	/* an id says something only at the server that gave it out: that of another tenant or server may be the same by chance, or by design */
	if (!session || session != other || !p->scope || p->scope != q->scope)
		return false;
	return !(session & SESSION_KEY_SHARED) || ip_addr_eq(&p->client_ip, &q->client_ip);
}

static void list_add(struct list *l, struct entry *e)
{
	e->list = l;
	e->newer = NULL;
	e->older = l->last;
	*(l->last ? &l->last->newer : &l->first) = e;
	l->last = e;
}

static void list_remove(struct entry *e)
{
	*(e->older ? &e->older->newer : &e->list->first) = e->newer;
	*(e->newer ? &e->newer->older : &e->list->last) = e->older;
}

static void entry_free(struct audit *a, struct entry *e)
{
	if ((*e->connection_at = e->connection_next) != NULL)
		e->connection_next->connection_at = e->connection_at;
	if (e->session_at && (*e->session_at = e->session_next) != NULL)
		e->session_next->session_at = e->session_at;
	list_remove(e);
	a->n--;
	free(e);
}

static void entry_add(struct audit *a, struct entry *e)
{
	struct entry **at = connection_bucket(a, &e->call.connection);
	e->connection_at = at;
	if ((e->connection_next = *at) != NULL)
		(*at)->connection_at = &e->connection_next;
	*at = e;
	if (e->session && e->id) {
		at = session_bucket(a, e->session, e->id, e->call.from, &e->call.place);
		e->session_at = at;
		if ((e->session_next = *at) != NULL)
			(*at)->session_at = &e->session_next;
		*at = e;
	}
	list_add(&a->waiting, e);
	a->n++;
}

/* ---- rows ---- */

static void tell(struct audit *a, struct entry *e, enum call_outcome outcome)
{
	if (e->done)
		return;
	e->done = true;
	e->call.outcome = outcome;
	a->counts.rows++;
	int result = a->fn(a->context, &e->call);
	if (result != 0 && a->failure == 0)
		a->failure = result;
}

static void settle(struct audit *a, struct entry *e, enum call_outcome outcome)
{
	tell(a, e, outcome);
	entry_free(a, e);
}

/* No answer will come any more. */
static void give_up(struct audit *a, struct entry *e)
{
	settle(a, e, e->call.status >= 300 ? CALL_HTTP_STATUS : e->lost ? CALL_NOT_SEEN : CALL_NO_ANSWER);
}

/* Its own connection has no more to say; another one of its session may. */
static void orphan(struct audit *a, struct entry *e)
{
	if (!e->session || !e->id || e->done || e->call.status >= 300) {
		give_up(a, e);
		return;
	}
	if (e->list == &a->orphans)
		return;
	list_remove(e);
	e->orphan_ns = a->now_ns;
	list_add(&a->orphans, e);
}

static int64_t since(int64_t then_ns, int64_t now_ns)
{
	int64_t passed;
	return __builtin_sub_overflow(now_ns, then_ns, &passed) || passed < 0 ? -1 : passed;
}

static void answer(struct audit *a, struct entry *e, const struct call *c, enum audit_remark remark)
{
	if (!e->done) {
		e->call.code = c->code;
		e->call.status = c->status;
		e->call.answer_bytes = c->bytes;
		e->call.duration_ns = remark == AUDIT_ANSWER_FIRST ? -1 : since(e->call.time_ns, c->time_ns);
		e->call.remark = remark;
	}
	settle(a, e, c->outcome);
}

static void push_out(struct audit *a, struct entry *e)
{
	a->counts.too_many += !e->done;
	e->call.remark = AUDIT_TOO_MANY;
	settle(a, e, CALL_NOT_SEEN);
}

/* ---- which request ---- */

/* The newest one that is asked by `from` in that exchange, or on that connection as one message of many. */
static struct entry *on_connection(struct audit *a, const struct call *c, enum direction from, bool any_exchange, bool *ret_more)
{
	struct entry *found = NULL;
	for (struct entry *e = *connection_bucket(a, &c->connection); e && c->id; e = e->connection_next) {
		if (e->id != c->id || e->call.from != from || !same_connection(&e->call.connection, &c->connection))
			continue;
		bool exchange = any_exchange || e->exchange == c->exchange;
		bool session = c->exchange || !e->session || !c->session || e->session == c->session;
		if (!exchange || !session)
			continue;
		if (found) {
			*ret_more |= !e->done;
			break;
		}
		found = e;
	}
	return found;
}

static struct entry *in_session(struct audit *a, const struct call *c, const struct audit_place *p, enum direction from, bool *ret_more)
{
	struct entry *found = NULL;
	if (!c->session || !c->id)
		return NULL;
	for (struct entry *e = *session_bucket(a, c->session, c->id, from, p); e; e = e->session_next) {
		if (e->id != c->id || e->call.from != from || !same_session(e->session, &e->call.place, c->session, p))
			continue;
		if (found) {
			*ret_more |= !e->done;
			break;
		}
		found = e;
	}
	return found;
}

/* Who cannot read a request cannot say its id: the error has null, or an invention. In an HTTP answer to one request that is the answer. */
static struct entry *only_one_in_exchange(struct audit *a, const struct call *c)
{
	struct entry *found = NULL;
	if (!c->exchange || c->outcome != CALL_ERROR)
		return NULL;
	for (struct entry *e = *connection_bucket(a, &c->connection); e; e = e->connection_next) {
		if (e->exchange != c->exchange || !same_connection(&e->call.connection, &c->connection))
			continue;
		if (found)
			return NULL;
		found = e;
	}
	return found;
}

/* ---- the parts ---- */

static void remember_answer(struct audit *a, const struct call *c, const struct audit_place *p)
{
	a->counts.unmatched++;
	if (c->exchange || !c->id) /* HTTP has paired it already: its request was not seen */
		return;
	struct answer *one = &a->answers[a->answers_at++ % LIMIT_CALL_ANSWERS];
	*one = (struct answer){.call = *c, .place = *p};
	one->call.method = one->call.name = "";
	a->n_answers += a->n_answers < LIMIT_CALL_ANSWERS;
}

static struct answer *early_answer(struct audit *a, const struct entry *e)
{
	for (unsigned i = 0; i < a->n_answers && e->id; i++) {
		struct answer *one = &a->answers[i];
		int64_t ago = since(one->call.time_ns, e->call.time_ns);
		if (one->used || one->call.id != e->id || one->call.from == e->call.from || ago < 0 || ago > LIMIT_CALL_EARLY_NS)
			continue;
		bool dialogue = !e->exchange && !e->session && same_connection(&one->call.connection, &e->call.connection);
		if (dialogue || same_session(e->session, &e->call.place, one->call.session, &one->place))
			return one;
	}
	return NULL;
}

static void make_room(struct audit *a, const struct connection_ref *r)
{
	struct entry *oldest = NULL;
	unsigned n = 0;
	for (struct entry *e = *connection_bucket(a, r); e; e = e->connection_next)
		if (same_connection(&e->call.connection, r)) {
			oldest = e;
			n++;
		}
	if (n >= LIMIT_CALLS_CONNECTION)
		push_out(a, oldest);
	if (a->n >= LIMIT_CALLS_PENDING)
		push_out(a, a->orphans.first ? a->orphans.first : a->waiting.first);
}

static void take_request(struct audit *a, const struct call *c, const struct audit_place *p)
{
	make_room(a, &c->connection);
	struct entry *e = calloc(1, sizeof *e);
	if (!e) {
		a->failure = FAIL_MEMORY;
		return;
	}
	e->call = (struct audit_call){.connection = c->connection, .place = *p, .ordinal = c->ordinal, .from = c->from,
	                              .time_ns = c->time_ns, .frame = c->frame, .duration_ns = -1, .request_bytes = c->bytes};
	text_copy(e->method, sizeof e->method, slice_str(c->method));
	text_copy(e->name, sizeof e->name, slice_str(c->name));
	e->call.method = e->method;
	e->call.name = e->name;
	e->exchange = c->exchange;
	e->session = c->session;
	e->id = c->id;
	entry_add(a, e);
	struct answer *early = early_answer(a, e);
	if (!early)
		return;
	early->used = true;
	a->counts.unmatched--;
	answer(a, e, &early->call, AUDIT_ANSWER_FIRST);
}

static void take_answer(struct audit *a, const struct call *c, const struct audit_place *p)
{
	enum direction from = direction_flip(c->from);
	enum audit_remark remark = AUDIT_PLAIN;
	bool more = false;
	struct entry *e = on_connection(a, c, from, false, &more);
	if (!e && !c->exchange)
		e = in_session(a, c, p, from, &more);
	if (!e && (e = only_one_in_exchange(a, c)) != NULL)
		remark = AUDIT_ID_DIFFERS;
	if (e)
		answer(a, e, c, more ? AUDIT_ID_REUSED : remark);
	else
		remember_answer(a, c, p);
}

/* It stays, so that an answer that was on its way is not taken for one without a request. */
static void take_cancel(struct audit *a, const struct call *c, const struct audit_place *p)
{
	bool more = false;
	struct entry *e = in_session(a, c, p, c->from, &more);
	if (!e)
		e = on_connection(a, c, c->from, true, &more);
	if (!e || e->done)
		return;
	e->call.duration_ns = since(e->call.time_ns, c->time_ns);
	e->call.remark = more ? AUDIT_ID_REUSED : AUDIT_PLAIN;
	tell(a, e, CALL_CANCELLED);
}

static void take_end(struct audit *a, const struct call *c)
{
	bool connection = c->part == CALL_CONNECTION_END;
	for (struct entry *e = *connection_bucket(a, &c->connection), *next; e; e = next) {
		next = e->connection_next;
		if (!same_connection(&e->call.connection, &c->connection) || (!connection && e->exchange != c->exchange))
			continue;
		if (!connection && !e->done) {
			e->call.status = c->status;
			e->call.duration_ns = c->status >= 300 ? since(e->call.time_ns, c->time_ns) : -1;
		}
		e->lost |= c->lost;
		orphan(a, e);
	}
}

static int take_failure(struct audit *a)
{
	int failure = a->failure;
	a->failure = 0;
	return failure;
}

int audit_take(struct audit *a, const struct call *c, const struct audit_place *place)
{
	if (c->time_ns > a->now_ns)
		a->now_ns = c->time_ns;
	for (struct entry *e; (e = a->orphans.first) && since(e->orphan_ns, a->now_ns) > LIMIT_CALL_ORPHAN_SECONDS * NS_PER_SEC;)
		give_up(a, e);
	switch (c->part) {
	case CALL_REQUEST: take_request(a, c, place); break;
	case CALL_ANSWER: take_answer(a, c, place); break;
	case CALL_CANCEL: take_cancel(a, c, place); break;
	default: take_end(a, c); break;
	}
	return take_failure(a);
}

int audit_end(struct audit *a, bool lost)
{
	for (struct entry *e; (e = a->orphans.first ? a->orphans.first : a->waiting.first) != NULL;) {
		e->lost |= lost;
		give_up(a, e);
	}
	a->now_ns = 0;
	a->n_answers = a->answers_at = 0;
	return take_failure(a);
}

void audit_free(struct audit *a)
{
	while (a && a->n)
		entry_free(a, a->waiting.first ? a->waiting.first : a->orphans.first);
	free(a);
}
