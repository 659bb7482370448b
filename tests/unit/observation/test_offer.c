/* offer.c: what is encoded comes back; every cut, flipped bit and lie is refused or harmless; pages in several records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "offer.h"
#include <stdio.h>
#include <stdlib.h>

static struct definition items[LIMIT_OFFER_DEFINITIONS];
static char names[LIMIT_OFFER_DEFINITIONS][16];

static struct offer sample(size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++) {
		snprintf(names[i], sizeof names[i], "tool_%zu", i);
		items[i] = (struct definition){.name = names[i], .text = text, .bytes = 100 + i, .flags = DEFINITION_DUPLICATE, .hints = HINT_BIDI};
		memset(items[i].hash, (int)i + 1, sizeof items[i].hash);
		memset(items[i].parts[PART_OTHER], 7, DEFINITION_PART_BYTES);
	}
	return (struct offer){.time_ns = 1763800000000000001, .frame = 42, .list = LIST_PROMPTS, .request_seen = true, .cursor = 5,
	                      .next_cursor = UINT64_MAX, .first = true, .last = true, .cut = true, .total = 9, .items = items, .n = n};
}

static void test_there_and_back(void **state)
{
	(void)state;
	struct offer o = sample(3, "{\"name\":\"\xc3\xa9\"}");
	struct connection_ref ref = {-5, 1ull << 40, 3, 0xfffffffe};
	size_t told, n;
	uint8_t *bytes = offer_encode(&o, &told, &n);
	assert_non_null(bytes);
	assert_int_equal(told, 3);
	assert_int_equal(record_kind_of(bytes, n), RECORD_OFFER);
	record_ref_put(bytes, &ref);
	struct offer_box box;
	assert_true(offer_decode(bytes, n, &box));
	assert_memory_equal(&box.o.connection, &ref, sizeof ref);
	assert_int_equal(box.o.time_ns, o.time_ns);
	assert_int_equal(box.o.frame, 42);
	assert_int_equal(box.o.list, LIST_PROMPTS);
	assert_true(box.o.request_seen && box.o.first && box.o.last && box.o.cut);
	assert_int_equal(box.o.cursor, 5);
	assert_int_equal(box.o.next_cursor, UINT64_MAX);
	assert_int_equal(box.o.total, 9);
	assert_int_equal(box.o.n, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(box.o.items[i].name, items[i].name);
		assert_string_equal(box.o.items[i].text, items[i].text);
		assert_memory_equal(box.o.items[i].hash, items[i].hash, SHA256_BYTES);
		assert_memory_equal(box.o.items[i].parts, items[i].parts, sizeof items[i].parts);
		assert_int_equal(box.o.items[i].bytes, 100 + i);
		assert_int_equal(box.o.items[i].hints, HINT_BIDI);
	}
	offer_box_done(&box);
	free(bytes);
}

static void test_refused(void **state)
{
	(void)state;
	struct offer o = sample(2, "{}");
	size_t told, n;
	uint8_t *bytes = offer_encode(&o, &told, &n);
	struct offer_box box;
	assert_non_null(bytes);
	for (size_t cut = 0; cut < n; cut++) {
		uint8_t *less = malloc(cut + 1); /* the sanitizer watches its end */
		memcpy(less, bytes, cut);
		assert_false(offer_decode(less, cut, &box));
		free(less);
	}
	for (size_t i = 0; i < n * 8; i++) { /* whatever a bit makes of it: no crash, and what passes is within bounds */
		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
		if (offer_decode(bytes, n, &box)) {
			assert_in_range(box.o.list, LIST_TOOLS, LIST_TEMPLATES);
			for (size_t k = 0; k < box.o.n; k++)
				assert_true(box.o.items[k].name[0] && strlen(box.o.items[k].name) < LIMIT_OFFER_NAME);
			offer_box_done(&box);
		}
		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	uint8_t *more = calloc(1, n + 1);
	memcpy(more, bytes, n);
	assert_false(offer_decode(more, n + 1, &box));
	free(more);
	free(bytes);
}

static void test_in_pieces(void **state)
{
	(void)state;
	char text[8000];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	struct offer o = sample(100, text);
	size_t at = 0, records = 0, told, n;
	while (at < 100) {
		o.items = items + at;
		o.n = 100 - at;
		o.first = at == 0;
		uint8_t *bytes = offer_encode(&o, &told, &n);
		struct offer_box box;
		assert_non_null(bytes);
		assert_true(told >= 1 && n <= LIMIT_OFFER_RECORD && n < LIMIT_MESSAGE_UP);
		assert_true(offer_decode(bytes, n, &box));
		assert_int_equal(box.o.last, at + told == 100);
		assert_int_equal(box.o.first, at == 0);
		assert_string_equal(box.o.items[0].name, names[at]);
		offer_box_done(&box);
		free(bytes);
		at += told;
		records++;
	}
	assert_int_equal(records, 4);
	o.n = 0;
	uint8_t *empty = offer_encode(&o, &told, &n);
	struct offer_box box;
	assert_true(empty && told == 0 && offer_decode(empty, n, &box) && box.o.n == 0);
	offer_box_done(&box);
	free(empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_refused), cmocka_unit_test(test_in_pieces)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
