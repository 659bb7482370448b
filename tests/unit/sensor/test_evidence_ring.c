/* The ring of frames that may become evidence: what it keeps, in which order, and that nothing else is ever given
 * back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "evidence_ring.h"

enum { MODEL = 4096, MOST_BYTES = 3000 };

/* Every frame's bytes follow from its number and length, so that what comes back can be judged alone. */
static uint8_t byte_of(uint64_t number, uint32_t at)
{
	return (uint8_t)(number * 131 + at * 7 + 3);
}

static void put(struct evidence_ring *r, uint64_t id, uint32_t capture, uint64_t number, uint32_t caplen)
{
	uint8_t *data = malloc(caplen ? caplen : 1);
	for (uint32_t i = 0; i < caplen; i++)
		data[i] = byte_of(number, i);
	struct frame f = {.data = data, .caplen = caplen, .len = caplen + 5, .link_type = 1, .capture = capture,
	                  .time_ns = (int64_t)number * 1000, .number = number};
	evidence_ring_put(r, &(struct evidence_id){id, capture}, &f);
	free(data);
}

struct taken {
	uint64_t numbers[MODEL];
	unsigned n;
	uint32_t capture;
};

static void on_frame(void *context, const struct frame *f)
{
	struct taken *t = context;
	assert_true(t->n < MODEL);
	t->numbers[t->n++] = f->number;
	assert_int_equal(f->capture, t->capture);
	assert_int_equal(f->len, f->caplen + 5);
	assert_int_equal(f->link_type, 1);
	assert_true(f->time_ns == (int64_t)f->number * 1000);
	for (uint32_t i = 0; i < f->caplen; i++)
		assert_int_equal(f->data[i], byte_of(f->number, i));
}

static struct taken take(struct evidence_ring *r, uint64_t id, uint32_t capture)
{
	struct taken t = {.capture = capture};
	evidence_ring_take(r, &(struct evidence_id){id, capture}, on_frame, &t);
	return t;
}

static void test_gives_back_in_order_and_forgets(void **state)
{
	(void)state;
	struct evidence_ring *r = evidence_ring_new(1 << 20);
	for (uint64_t n = 1; n <= 30; n++)
		put(r, n % 3, 0, n, 60 + (uint32_t)n);
	struct taken t = take(r, 1, 0);
	assert_int_equal(t.n, 10);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(t.numbers[i], 1 + 3 * i);
	assert_int_equal(take(r, 1, 0).n, 0);
	assert_int_equal(take(r, 2, 0).n, 10); /* the others are untouched */
	put(r, 1, 0, 31, 60);                  /* and the connection may go on */
	assert_int_equal(take(r, 1, 0).numbers[0], 31);
	assert_int_equal(take(r, 0, 0).n, 10);
	assert_int_equal(evidence_ring_overwritten(r), 0);
	evidence_ring_free(r);
}

static void test_captures_number_for_themselves(void **state)
{
	(void)state;
	struct evidence_ring *r = evidence_ring_new(1 << 16);
	put(r, 1, 0, 1, 100);
	put(r, 1, 1, 2, 100);
	struct taken t = take(r, 1, 1);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.numbers[0], 2);
	assert_int_equal(take(r, 1, 0).numbers[0], 1);
	evidence_ring_free(r);
}

static void test_the_oldest_make_room(void **state)
{
	(void)state;
	struct evidence_ring *r = evidence_ring_new(8192);
	for (uint64_t n = 1; n <= 1000; n++)
		put(r, 7, 0, n, 500);
	struct taken t = take(r, 7, 0);
	assert_in_range(t.n, 8192 / 640, 8192 / 500);
	for (unsigned i = 0; i < t.n; i++) /* the newest, without a hole */
		assert_int_equal(t.numbers[i], 1000 - t.n + 1 + i);
	assert_int_equal(evidence_ring_overwritten(r), 1000 - t.n);
	for (uint64_t n = 1; n <= 1000; n++)
		put(r, 8, 0, n, 500);
	/* the taken ones left too, but were asked for */
	assert_int_equal(evidence_ring_overwritten(r), 1000 - t.n + 1000 - take(r, 8, 0).n);
	evidence_ring_free(r);
}

static void test_too_large_is_left_out(void **state)
{
	(void)state;
	struct evidence_ring *r = evidence_ring_new(4096);
	put(r, 1, 0, 1, 100);
	put(r, 1, 0, 2, 4097);
	put(r, 1, 0, 3, 4096);
	put(r, 1, 0, 4, 0);
	struct taken t = take(r, 1, 0);
	assert_int_equal(t.n, 2);
	assert_int_equal(t.numbers[0], 1);
	assert_int_equal(t.numbers[1], 4);
	assert_int_equal(evidence_ring_overwritten(r), 2);
	evidence_ring_free(r);
	r = evidence_ring_new(1); /* too small for anything but harmless */
	put(r, 1, 0, 1, 100);
	assert_int_equal(take(r, 1, 0).n, 0);
	evidence_ring_free(r);
	evidence_ring_free(NULL);
}

static void test_a_frame_as_large_as_the_ring(void **state)
{
	(void)state;
	enum { RING = 4096 };
	struct evidence_ring *r = evidence_ring_new(RING);
	uint32_t most = RING;
	do { /* the largest that fits: it is there after being put */
		put(r, 1, 0, 1, --most);
	} while (take(r, 1, 0).n == 0);
	assert_true(most > RING - 200);
	for (uint64_t n = 2; n < 20; n++) { /* wherever the head is */
		put(r, 2, 0, n, 10 * (uint32_t)n);
		put(r, 1, 0, n, most);
		assert_int_equal(take(r, 2, 0).n, 0);
		assert_int_equal(take(r, 1, 0).numbers[0], n);
	}
	evidence_ring_free(r);
}

/* ---- against a list that forgets nothing ---- */

static uint64_t seed;

static uint32_t roll(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % below;
}

static struct {
	uint64_t id;
	bool taken;
} model[MODEL]; /* by number */

/* What comes back must be a gapless end of what the model has of that connection, and not less than the ring must
 * reach. */
static void check_take(struct evidence_ring *r, uint64_t id, uint64_t put_so_far, uint64_t surely_kept)
{
	struct taken t = take(r, id, 0);
	unsigned i = t.n;
	bool ended = false;
	for (uint64_t n = put_so_far; n >= 1; n--) {
		if (model[n].id != id || model[n].taken)
			continue;
		model[n].taken = true;
		if (i > 0 && !ended) {
			assert_int_equal(t.numbers[--i], n);
		} else {
			ended = true;
			assert_true(n < surely_kept);
		}
	}
	assert_int_equal(i, 0);
}

static void test_as_a_simple_model(void **state)
{
	(void)state;
	for (seed = 1; seed < 40; seed++) {
		uint64_t begin = seed;
		size_t bytes = 5000 + roll(60000);
		struct evidence_ring *r = evidence_ring_new(bytes);
		uint32_t lengths[MODEL];
		memset(model, 0, sizeof model);
		for (uint64_t n = 1; n < MODEL; n++) {
			model[n].id = roll(12);
			lengths[n] = roll(8) ? roll(200) : roll(MOST_BYTES);
			put(r, model[n].id, 0, n, lengths[n]);
			if (roll(16) == 0) {
				/* 120 bytes of header, and at most one frame's worth of arena is skipped at its end */
				size_t used = MOST_BYTES + 128;
				uint64_t kept = n + 1;
				while (kept > 1 && used + lengths[kept - 1] + 128 <= bytes)
					used += lengths[--kept] + 128;
				check_take(r, roll(13), n, kept);
			}
		}
		evidence_ring_free(r);
		seed = begin;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gives_back_in_order_and_forgets),
		cmocka_unit_test(test_captures_number_for_themselves),
		cmocka_unit_test(test_the_oldest_make_room),
		cmocka_unit_test(test_too_large_is_left_out),
		cmocka_unit_test(test_a_frame_as_large_as_the_ring),
		cmocka_unit_test(test_as_a_simple_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
