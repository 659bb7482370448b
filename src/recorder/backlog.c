/* The order of age is: `older` (memory), then the spill file, then `newer` (memory). While the file has anything
 * unread, what is put goes behind it; while it has anything at all, `newer` waits. Items that were taken stay in
 * `held` until they are settled. */
#include "backlog.h"
#include "limits.h"
#include "spill.h"
#include "status.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct node {
	struct node *next;
	char *text;
	size_t n;
	bool filed; /* the spill file has it too */
};

/* A node and what malloc adds to two allocations. */
#define NODE_BYTES (sizeof(struct node) + 32)

struct list {
	struct node *first, *last;
	uint64_t n;
};

struct backlog {
	pthread_mutex_t lock;
	pthread_cond_t something; /* to take, or closed */
	size_t memory_bytes;
	struct list older, newer, held;
	uint64_t unread;          /* lines of the file that were not taken */
	struct spill spill;
	struct backlog_counts counts;
	bool closed;
};

static void list_append(struct list *l, struct node *node)
{
	node->next = NULL;
	*(l->first ? &l->last->next : &l->first) = node;
	l->last = node;
	l->n++;
}

static struct node *list_shift(struct list *l)
{
	struct node *node = l->first;
	if (node) {
		l->first = node->next;
		l->n--;
	}
	return node;
}

static void list_join(struct list *l, struct list *behind)
{
	for (struct node *node; (node = list_shift(behind));)
		list_append(l, node);
}

static void node_free(struct node *node)
{
	free(node->text);
	free(node);
}

/* ---- opening ---- */

static int init_threads(struct backlog *b)
{
	pthread_condattr_t attr;
	if (pthread_mutex_init(&b->lock, NULL) != 0)
		return FAIL_MEMORY;
	if (pthread_condattr_init(&attr) == 0) {
		int rc = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC); /* somebody may set the clock on the wall */
		if (rc == 0)
			rc = pthread_cond_init(&b->something, &attr);
		pthread_condattr_destroy(&attr);
		if (rc == 0)
			return 0;
	}
	pthread_mutex_destroy(&b->lock);
	return FAIL_MEMORY;
}

int backlog_new(const struct backlog_config *config, struct backlog **ret, char error[BACKLOG_ERROR_TEXT])
{
	struct backlog *b = calloc(1, sizeof *b);
	error[0] = 0;
	if (!b)
		return FAIL_MEMORY;
	b->memory_bytes = config->memory_bytes;
	b->spill.fd = -1;
	int rc = 0;
	if (config->spill_path)
		rc = spill_open(&b->spill, config->spill_path, config->spill_bytes, &b->unread, &b->counts.torn, error);
	if (rc == 0 && (rc = init_threads(b)) != 0)
		spill_close(&b->spill);
	if (rc != 0) {
		free(b);
		return rc;
	}
	b->counts.put = b->counts.spilled = b->counts.spilled_ever = b->unread;
	*ret = b;
	return 0;
}

/* ---- putting ---- */

static bool fits_memory(const struct backlog *b, size_t n)
{
	return b->counts.waiting_bytes + n + NODE_BYTES <= b->memory_bytes;
}

static bool to_memory(struct backlog *b, struct list *list, char *text, size_t n)
{
	struct node *node = fits_memory(b, n) ? malloc(sizeof *node) : NULL;
	if (!node)
		return false;
	*node = (struct node){.text = text, .n = n};
	list_append(list, node);
	b->counts.waiting++;
	b->counts.waiting_bytes += n + NODE_BYTES;
	return true;
}

static void forget_waiting(struct backlog *b, size_t n)
{
	b->counts.waiting--;
	b->counts.waiting_bytes -= n + NODE_BYTES;
}

static bool to_file(struct backlog *b, const char *text, size_t n)
{
	if (b->spill.fd < 0)
		return false;
	if (!spill_append(&b->spill, text, n)) {
		if (errno != EFBIG || b->spill.end + n + 1 <= b->spill.most) /* full by our own rule is no failure of the disk */
			b->counts.spill_errno = errno;
		return false;
	}
	b->counts.spill_errno = 0;
	b->counts.spilled++;
	b->counts.spilled_ever++;
	b->unread++;
	return true;
}

/* What waits behind the file goes into it, as far as there is room. True if nothing waits there any more. */
static bool file_newer(struct backlog *b)
{
	while (b->newer.first && to_file(b, b->newer.first->text, b->newer.first->n)) {
		struct node *node = list_shift(&b->newer);
		forget_waiting(b, node->n);
		node_free(node);
	}
	return b->newer.n == 0;
}

/* 1: the text is in memory, 2: in the file; 0: nowhere. */
static int place(struct backlog *b, char *text, size_t n)
{
	if (b->spill.fd < 0 || b->spill.end == 0)
		return to_memory(b, &b->older, text, n) ? 1 : to_file(b, text, n) ? 2 : 0;
	/* a file that has just been read out is not kept alive by what is put meanwhile */
	if (b->unread > 0 && b->newer.n == 0 && to_file(b, text, n))
		return 2;
	if (to_memory(b, &b->newer, text, n))
		return 1;
	return file_newer(b) && to_file(b, text, n) ? 2 : 0;
}

void backlog_put_take(struct backlog *b, char *text, size_t n)
{
	assert(n > 0 && text[0] == '{');
	pthread_mutex_lock(&b->lock);
	assert(!b->closed);
	b->counts.put++;
	int where = n <= LIMIT_EVENT_TEXT ? place(b, text, n) : 0;
	b->counts.lost += where == 0;
	pthread_cond_signal(&b->something);
	pthread_mutex_unlock(&b->lock);
	if (where != 1)
		free(text);
}

void backlog_close(struct backlog *b)
{
	pthread_mutex_lock(&b->lock);
	b->closed = true;
	pthread_cond_signal(&b->something);
	pthread_mutex_unlock(&b->lock);
}

/* ---- taking ---- */

static size_t take_older(struct backlog *b, struct backlog_item *items, size_t most)
{
	size_t n = 0;
	for (struct node *node; n < most && (node = list_shift(&b->older)); n++) {
		items[n] = (struct backlog_item){node->text, node->n};
		list_append(&b->held, node);
	}
	return n;
}

/* Reads without the lock, so that a slow disk does not stop who puts: only the taker reads or cuts the file, and
 * what is before `end` does not change. *ret_stalled: there is no use in trying again at once. */
static size_t take_filed(struct backlog *b, struct backlog_item *items, size_t most, bool *ret_stalled)
{
	uint64_t end = b->spill.end, unusable = 0;
	struct list got = {0};
	enum spill_line line = SPILL_LINE;
	int why = 0;
	pthread_mutex_unlock(&b->lock);
	while (got.n < most && (line == SPILL_LINE || line == SPILL_UNUSABLE)) {
		struct node *node = calloc(1, sizeof *node);
		line = node ? spill_read(&b->spill, end, &node->text, &node->n) : SPILL_FAILED;
		if (line == SPILL_LINE) {
			node->filed = true;
			items[got.n] = (struct backlog_item){node->text, node->n};
			list_append(&got, node);
			continue;
		}
		why = errno;
		unusable += line == SPILL_UNUSABLE;
		free(node);
	}
	pthread_mutex_lock(&b->lock);
	size_t n = (size_t)got.n;
	if (line == SPILL_FAILED)
		b->counts.spill_errno = why;
	else if (n > 0)
		b->counts.spill_errno = 0;
	*ret_stalled = line == SPILL_FAILED;
	b->unread -= n + unusable;
	b->counts.spilled -= unusable;
	b->counts.lost += unusable;
	b->counts.torn += unusable;
	list_join(&b->held, &got);
	return n;
}

/* False when the time is over. */
static bool wait_until(struct backlog *b, const struct timespec *deadline)
{
	return pthread_cond_timedwait(&b->something, &b->lock, deadline) != ETIMEDOUT;
}

size_t backlog_take(struct backlog *b, struct backlog_item *items, size_t most, int timeout_ms)
{
	struct timespec deadline;
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += timeout_ms / 1000;
	deadline.tv_nsec += timeout_ms % 1000 * 1000000L;
	if (deadline.tv_nsec >= 1000000000L) {
		deadline.tv_nsec -= 1000000000L;
		deadline.tv_sec++;
	}
	size_t n = 0;
	bool stalled = false;
	pthread_mutex_lock(&b->lock);
	do {
		if (b->older.n > 0)
			n = take_older(b, items, most);
		else if (b->unread > 0 && !stalled)
			n = take_filed(b, items, most, &stalled);
		if (b->unread == 0 && b->held.n == 0 && b->newer.n > 0) {
			/* the last lines of the file were unusable: there is nothing to settle */
			spill_settle(&b->spill);
			list_join(&b->older, &b->newer);
			n = n ? n : take_older(b, items, most);
		}
	} while (n == 0 && !b->closed && wait_until(b, &deadline));
	pthread_mutex_unlock(&b->lock);
	return n;
}

void backlog_settled(struct backlog *b)
{
	pthread_mutex_lock(&b->lock);
	for (struct node *node; (node = list_shift(&b->held)); node_free(node)) {
		b->counts.settled++;
		if (node->filed)
			b->counts.spilled--;
		else
			forget_waiting(b, node->n);
	}
	if (b->spill.fd >= 0) {
		spill_settle(&b->spill);
		if (b->spill.end == 0)
			list_join(&b->older, &b->newer);
	}
	pthread_mutex_unlock(&b->lock);
}

void backlog_counts(struct backlog *b, struct backlog_counts *ret)
{
	pthread_mutex_lock(&b->lock);
	*ret = b->counts;
	ret->spilled_bytes = b->spill.fd >= 0 ? b->spill.end - b->spill.settled : 0;
	pthread_mutex_unlock(&b->lock);
}

/* ---- leaving ---- */

/* Those of held and older that only memory has, in their order, to be put before the file's. */
static struct list unfiled(struct backlog *b)
{
	struct list all = {0};
	for (struct node *node; (node = list_shift(&b->held));) {
		if (node->filed)
			node_free(node);
		else
			list_append(&all, node);
	}
	list_join(&all, &b->older);
	return all;
}

/* How many of the list, from its front, got a place before what is unsettled in the file. */
static size_t keep_before(struct backlog *b, const struct list *l)
{
	struct backlog_item *items = calloc(l->n ? l->n : 1, sizeof *items);
	size_t n = 0, kept = 0;
	for (const struct node *node = l->first; items && n < l->n; node = node->next)
		items[n++] = (struct backlog_item){node->text, node->n};
	if (items && !spill_put_before(&b->spill, items, n, &kept))
		kept = 0;
	free(items);
	return kept;
}

static size_t keep_behind(struct backlog *b, const struct list *l)
{
	size_t kept = 0;
	const struct node *node = l->first;
	for (; kept < l->n && spill_append(&b->spill, node->text, node->n); node = node->next)
		kept++;
	return kept;
}

static void list_free(struct list *l)
{
	for (struct node *node; (node = list_shift(l));)
		node_free(node);
}

uint64_t backlog_free(struct backlog *b)
{
	if (!b)
		return 0;
	struct list before = unfiled(b);
	uint64_t lost = before.n + b->newer.n;
	if (b->spill.fd >= 0) {
		if (before.n > 0)
			lost -= b->spill.settled < b->spill.end ? keep_before(b, &before) : keep_behind(b, &before);
		lost -= keep_behind(b, &b->newer);
		spill_close(&b->spill);
	}
	list_free(&before);
	list_free(&b->newer);
	pthread_cond_destroy(&b->something);
	pthread_mutex_destroy(&b->lock);
	free(b);
	return lost;
}
