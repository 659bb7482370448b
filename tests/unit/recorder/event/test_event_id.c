#include "event_id.h"
#include "recorder/sample_event.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char *id_of(const struct observation *o, const char *sensor)
{
	static char id[EVENT_ID_TEXT];
	assert_int_equal(event_id(o, sensor, id), 0);
	return id;
}

/* Computed from the recipe of docs/events.md by other means (Python's hashlib and struct). */
static void follows_the_documented_recipe(void **state)
{
	(void)state;
	struct observation o = sample_observation();
	assert_string_equal(id_of(&o, "tap1"), "9de109d98e6c8fbcc70bff751effab1f");
	o.kind = KIND_CONNECTOR;
	assert_string_equal(id_of(&o, "tap1"), "a8cf1674b971f18e6114ffd89c715a97");
	o = sample_bare();
	o.connection_time_ns = -1;
	assert_string_equal(id_of(&o, ""), "40d2112fbee7c6ecaa44d1594fc11ce0");
	o.kind = KIND_TOOL_CHANGE;
	o.kind_ordinal = 7;
	assert_string_equal(id_of(&o, ""), "53489a573b7114e36de08bc1b83d6106");
}

static void each_part_counts(void **state)
{
	(void)state;
	const struct observation base = sample_observation();
	char was[EVENT_ID_TEXT];
	assert_int_equal(event_id(&base, "tap1", was), 0);
	assert_string_not_equal(id_of(&base, "tap2"), was);
	struct observation changed[] = {base, base, base, base, base, base, base, base, base, base};
	changed[0].encap.n = 1;
	changed[1].encap.layer[0].id = 11;
	changed[2].l4 = 17;
	changed[3].client_ip.b[3]++;
	changed[4].client_port++;
	changed[5].server_ip.b[0]++;
	changed[6].server_port++;
	changed[7].connection_time_ns++;
	changed[8].authority_ordinal++;
	changed[9].kind = KIND_TOOL_CHANGE;
	for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
		assert_string_not_equal(id_of(&changed[i], "tap1"), was);
		for (size_t k = 0; k < i; k++) {
			char other[EVENT_ID_TEXT];
			assert_int_equal(event_id(&changed[k], "tap1", other), 0);
			assert_string_not_equal(id_of(&changed[i], "tap1"), other);
		}
	}
}

static void layers_without_a_number_have_a_name_alone(void **state)
{
	(void)state;
	const struct encap e = {4, {{ENCAP_IPIP, 0}, {ENCAP_GRE_KEY, UINT32_MAX}, {ENCAP_GRE, 0}, {ENCAP_VXLAN, 0}}};
	static const char *const texts[] = {"ipip", "gre:4294967295", "gre", "vxlan:0"};
	for (size_t i = 0; i < e.n; i++) {
		char text[ENCAP_TEXT];
		encap_layer_format(&e, i, text);
		assert_string_equal(text, texts[i]);
	}
}

/* Where a capture lies, how it was cut and what was learned later must not make a new event of an old one. */
static void the_rest_does_not(void **state)
{
	(void)state;
	struct observation o = sample_observation();
	char was[EVENT_ID_TEXT];
	assert_int_equal(event_id(&o, "tap1", was), 0);
	o.capture = 9;
	o.first_frame = 12345;
	o.first_seen_ns++;
	o.last_seen_ns++;
	o.kind_ordinal = 4; /* of another kind's numbering */
	o.host = "other.example";
	o.sni = NULL;
	o.confidence = CONFIDENCE_POSSIBLE;
	o.requests++;
	assert_string_equal(id_of(&o, "tap1"), was);
}

static void takes_any_sensor_name(void **state)
{
	(void)state;
	struct observation o = sample_bare();
	char longest[4096], was[EVENT_ID_TEXT];
	memset(longest, 's', sizeof longest - 1);
	longest[sizeof longest - 1] = 0;
	assert_int_equal(event_id(&o, longest, was), 0);
	longest[sizeof longest - 2] = 0; /* beyond what is hashed, the length still tells them apart */
	assert_string_not_equal(id_of(&o, longest), was);
	assert_int_equal(strlen(was), 32);
	assert_int_equal(strspn(was, "0123456789abcdef"), 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_documented_recipe),
		cmocka_unit_test(each_part_counts),
		cmocka_unit_test(the_rest_does_not),
		cmocka_unit_test(layers_without_a_number_have_a_name_alone),
		cmocka_unit_test(takes_any_sensor_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
