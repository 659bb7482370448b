/* An event is new once, changed when its state is another one, and the same otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ledger.h"
#include <stdio.h>

static void test_answers(void **state)
{
	(void)state;
	struct ledger *l = ledger_new();
	assert_non_null(l);
	assert_int_equal(ledger_note(l, "00ff", 0), LEDGER_NEW);
	assert_int_equal(ledger_note(l, "00ff", 0), LEDGER_SAME);
	assert_int_equal(ledger_note(l, "00ff", 7), LEDGER_CHANGED);
	assert_int_equal(ledger_note(l, "00ff", 7), LEDGER_SAME);
	assert_int_equal(ledger_note(l, "00fe", 7), LEDGER_NEW);
	free(l);
}

/* It forgets rather than grows; of few events it forgets hardly any. */
static void test_forgets_few(void **state)
{
	(void)state;
	struct ledger *l = ledger_new();
	char id[40];
	int forgotten = 0;
	assert_non_null(l);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < LEDGER_SLOTS / 64; i++) {
			snprintf(id, sizeof id, "%032x", i);
			enum ledger_answer a = ledger_note(l, id, 1);
			assert_true(round || a == LEDGER_NEW);
			forgotten += round && a != LEDGER_SAME;
		}
	assert_true(forgotten < LEDGER_SLOTS / 64 / 8);
	free(l);
}

/* Whoever makes events cannot know which of them push each other out. */
static void test_key(void **state)
{
	(void)state;
	struct ledger *a = ledger_new(), *b = ledger_new();
	assert_non_null(a);
	assert_non_null(b);
	assert_memory_not_equal(&a->key, &b->key, sizeof a->key);
	free(a);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers), cmocka_unit_test(test_forgets_few),
					   cmocka_unit_test(test_key)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
