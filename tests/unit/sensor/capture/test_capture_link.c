#include "capture_build.h"

#include "capture_link.h"
#include <pcap/pcap.h>

static void test_field(void **state)
{
	(void)state;
	static const struct {
		uint32_t field, link_type;
	} cases[] = {
	    {0, 0},
	    {1, 1},
	    {101, 101},
	    {113, 113},
	    {276, 276},
	    {65000, 65000},
	    {12, 101},
	    {14, 101},
	    {11, 100},
	    {19, 106},
	    {228, 228},
	    {0x24000001, 1},   /* FCS of 4 bytes */
	    {0xf4000071, 113}, /* FCS length 15, present */
	    {0x0400000c, 101},
	};
	for (size_t i = 0; i < ARRAY(cases); i++)
		assert_int_equal(capture_link_of_field(cases[i].field), cases[i].link_type);
}

static void test_dlt(void **state)
{
	(void)state;
	assert_int_equal(capture_link_to_dlt(101), DLT_RAW);
	assert_int_equal(capture_link_of_dlt(DLT_RAW), 101);
	assert_int_equal(capture_link_to_dlt(1), DLT_EN10MB);
	assert_int_equal(capture_link_to_dlt(276), DLT_LINUX_SLL2);
	assert_int_equal(capture_link_of_dlt(DLT_LINUX_SLL), 113);
}

/* libpcap does its own mapping when it writes a file: ours must agree for every link type that it knows. */
static void test_agrees_with_libpcap(void **state)
{
	(void)state;
	unsigned known = 0;
	for (int dlt = 0; dlt < 300; dlt++) {
		if (!pcap_datalink_val_to_name(dlt))
			continue;
		pcap_t *dead = pcap_open_dead(dlt, 65535);
		char *text = NULL;
		size_t n = 0;
		FILE *out = open_memstream(&text, &n);
		pcap_dumper_t *dumper = pcap_dump_fopen(dead, out);
		if (dumper) {
			pcap_dump_close(dumper);
			uint32_t written;
			memcpy(&written, text + 20, sizeof written);
			if (capture_link_of_dlt(dlt) != written || capture_link_to_dlt(written) != dlt)
				fail_msg("DLT %d is LINKTYPE %u", dlt, (unsigned)written);
			known++;
		} else {
			fclose(out);
		}
		free(text);
		pcap_close(dead);
	}
	assert_true(known > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_field),
	    cmocka_unit_test(test_dlt),
	    cmocka_unit_test(test_agrees_with_libpcap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
