/* Events of any state, written as JSON text, and the ids they have. Included by the tests of acknowledgements. */
#ifndef ACK_FIXTURE_H
#define ACK_FIXTURE_H

#include "recorder/store/store_fixture.h"
#include "store_ack.h"

#define ID_A "a1b2000000000000000000000000000a"
#define ID_B "a1b2c3000000000000000000000000bb"
#define ID_C "ffff0000000000000000000000000cc0"
#define SEEN "2026-11-22T10:00:00.000000Z"
#define UNTIL_NS (INT64_C(1764115200) * 1000000000) /* 2025-11-26: some days after the sample's packets */
#define DAY (INT64_C(86400) * 1000000000)

struct state {
	const char *id, *verdict, *confidence, *stage, *severity, *findings, *last_seen;
};

/* The sample event's JSON, for its many fields; made at the first call, in the fixture's place. Lives as long as the
 * test. */
static inline const json_t *sample_json(struct fixture *f)
{
	static json_t *sample;
	if (!sample) {
		struct store *s = opened(f);
		struct observation o = sample_observation();
		struct store_query all = {.all = true};
		json_t *rows = json_array();
		assert_int_equal(put_judged(s, &o, VERDICT_UNAUTHORIZED), 0);
		assert_int_equal(store_close(s), 0);
		s = opened_read(f);
		assert_int_equal(store_select(s, &all, keep_row, rows), 0);
		store_close_read(s);
		sample = json_incref(json_array_get(rows, 0));
		json_decref(rows);
		assert_int_equal(unlink(f->db), 0);
	}
	return sample;
}

/* What is NULL stays the sample's: unauthorized, confirmed, established, high, no findings, seen on 2025-11-22. */
static inline json_t *event_of(struct fixture *f, const struct state *t)
{
	json_t *event = json_deep_copy(sample_json(f));
	const char *const names[] = {"event_id", "verdict", "confidence", "stage", "severity", "last_seen"};
	const char *const values[] = {t->id, t->verdict, t->confidence, t->stage, t->severity, t->last_seen};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (values[i])
			assert_int_equal(json_object_set_new(event, names[i], json_string(values[i])), 0);
	json_object_set_new(event, "findings", t->findings ? json_loads(t->findings, 0, NULL) : json_array());
	return event;
}

static inline void put_state(struct fixture *f, struct store *s, struct state t)
{
	json_t *event = event_of(f, &t);
	char *text = json_dumps(event, 0);
	if (store_put_text(s, text, strlen(text)) != 0 || store_flush(s) != 0)
		fail_msg("%s", store_error(s));
	free(text);
	json_decref(event);
}

static inline struct store *acking(struct fixture *f)
{
	struct store *s = NULL;
	if (store_ack_open(f->db, &s, f->error) != 0)
		fail_msg("%s", f->error);
	return s;
}

static inline int ack_until(struct store *s, const char *id, int64_t until_ns, json_t *ret_rows)
{
	struct store_ack a = {.ids = &id, .n = 1, .until_ns = until_ns, .by = "alice", .why = "OPS-1", .at_ns = 1};
	return store_ack_put(s, &a, keep_row, ret_rows);
}

/* As its operator would, beside whoever has the database open. */
static inline void ack(struct fixture *f, const char *id, int64_t until_ns)
{
	json_t *rows = json_array();
	struct store *s = acking(f);
	if (ack_until(s, id, until_ns, rows) != 0)
		fail_msg("%s", store_error(s));
	assert_int_equal(json_array_size(rows), 1);
	json_decref(rows);
	store_close_read(s);
}

#endif
