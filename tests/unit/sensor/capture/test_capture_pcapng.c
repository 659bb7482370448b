#include "capture_build.h"

#include <pcap/pcap.h>

#define T0 INT64_C(1700000000)

/* Everything that a section can hold: three interfaces that differ in link type, snap length and clock, all kinds of
 * packet blocks, and blocks of other kinds between them. */
static void put_rich_section(struct bytes *b)
{
	static const uint8_t other[17] = {1, 2, 3};
	ng_section(b);
	ng_interface(b, 1, 262144, 6, 0);
	ng_interface(b, 101, 96, 9, 0);
	ng_block(b, 10, slice_of(other, 17)); /* decryption secrets, of a kind that nobody knows */
	ng_interface(b, 113, 0, 0x80 | 32, T0);
	ng_packet(b, 0, (uint64_t)T0 * 1000000 + 5, 61, 1500, 1);
	ng_packet(b, 1, (uint64_t)T0 * 1000000000 + 7, 96, 1500, 2);
	ng_block(b, 4, slice_of(other, 16)); /* name resolution */
	ng_packet(b, 2, (UINT64_C(3) << 32) + 0x40000000, 0, 0, 3);
	ng_old_packet(b, 1, (uint64_t)T0 * 1000000000 + 9, 33, 33, 4);
	ng_simple_packet(b, 42, 42, 5);
	ng_block(b, 0x80000bad, slice_of(other, 0));          /* private */
	ng_block(b, 5, slice_of(other, 8));                   /* interface statistics */
	ng_packet(b, 0, (uint64_t)T0 * 1000000 + 6, 8, 4, 6); /* captured more than there was */
}

static void assert_rich(const struct collected *c, size_t i)
{
	assert_true(c->n >= i + 6);
	assert_frame(c, i + 0, T0 * 1000000000 + 5000, 1, 61, 1500, 1);
	assert_frame(c, i + 1, T0 * 1000000000 + 7, 101, 96, 1500, 2);
	assert_frame(c, i + 2, (T0 + 3) * 1000000000 + 250000000, 113, 0, 0, 3);
	assert_frame(c, i + 3, T0 * 1000000000 + 9, 101, 33, 33, 4);
	assert_frame(c, i + 4, T0 * 1000000000 + 9, 1, 42, 42, 5); /* has no time: that of the packet before */
	assert_frame(c, i + 5, T0 * 1000000000 + 6000, 1, 8, 8, 6);
}

static void test_sections(void **state)
{
	(void)state;
	for (int first_big = 0; first_big < 2; first_big++) {
		struct bytes b = {.big = first_big};
		put_rich_section(&b);
		b.big = !b.big;
		put_rich_section(&b); /* the other byte order, and interfaces from 0 again */
		for (int through_pipe = 0; through_pipe < 2; through_pipe++) {
			struct collected *c =
			    through_pipe ? collect_pipe(bytes_slice(&b)) : collect_file(bytes_slice(&b));
			assert_int_equal(c->outcome, 0);
			assert_int_equal(c->n, 12);
			assert_int_equal(c->stable, !through_pipe);
			assert_rich(c, 0);
			assert_rich(c, 6);
			collected_free(c);
		}
		bytes_done(&b);
	}
}

/* A new section forgets the interfaces of the one before. */
static void test_interface_of_other_section(void **state)
{
	(void)state;
	struct bytes b = {0};
	ng_section(&b);
	ng_interface(&b, 1, 0, 6, 0);
	ng_packet(&b, 0, 1, 4, 4, 1);
	ng_section(&b);
	size_t at = b.n;
	ng_packet(&b, 0, 1, 4, 4, 1);
	struct collected *c = collect_file(bytes_slice(&b));
	assert_int_equal(c->outcome, FAIL_INPUT);
	assert_int_equal(c->n, 1);
	char where[128];
	snprintf(where, sizeof where,
		 "frame 2 at byte %zu: expected a packet of an interface below 0, found interface 0", at);
	assert_non_null(strstr(c->error, where));
	collected_free(c);
	bytes_done(&b);
}

/* The captured length of a simple packet is the smallest of three. */
static void test_simple_packet_lengths(void **state)
{
	(void)state;
	struct bytes b = {0};
	ng_section(&b);
	ng_interface(&b, 1, 64, 6, 0);
	ng_simple_packet(&b, 1500, 64, 1); /* snap length */
	ng_simple_packet(&b, 61, 61, 2);   /* shorter than its padding */
	ng_simple_packet(&b, 63, 20, 3);   /* the block ends before */
	struct collected *c = collect_file(bytes_slice(&b));
	assert_int_equal(c->outcome, 0);
	assert_int_equal(c->n, 3);
	assert_frame(c, 0, 0, 1, 64, 1500, 1);
	assert_frame(c, 1, 0, 1, 61, 61, 2);
	assert_frame(c, 2, 0, 1, 20, 63, 3);
	collected_free(c);
	bytes_done(&b);
}

/* Each of these breaks one rule; the packet before it always comes, the one behind it never. */
static void test_damage(void **state)
{
	(void)state;
	static const char *const expected[] = {
	    "expected a block length that is a multiple of 4, from 12 to 16777216, found 8",
	    "expected a block length that is a multiple of 4, from 12 to 16777216, found 30",
	    "expected a block length that is a multiple of 4, from 12 to 16777216, found 16777220",
	    "expected the block length 16 again at the block's end, found 20",
	    "expected a packet of 9 bytes, found 8 in its block",
	    "expected a packet of at most 1048576 bytes, found a length of 4294967295",
	    "expected a packet of 0 bytes, found 0 in its block",
	    "expected an interface description, found a block too short for it",
	    "expected interface options, found one that ends behind its block",
	    "expected interface options, found one that ends behind its block",
	    "expected the byte-order magic of a section, found 0x1a2b3c00",
	    "expected a pcapng section header, found a block too short for it",
	    "expected pcapng version 1, found 2",
	    "expected a packet of an interface below 1, found interface 65535",
	};
	for (size_t i = 0; i < ARRAY(expected); i++) {
		struct bytes b = {0}, body = {0};
		ng_section(&b);
		ng_interface(&b, 1, 0, 6, 0);
		ng_packet(&b, 0, 1, 4, 4, 1);
		size_t at = b.n;
		uint32_t type = 0;
		switch (i) {
		case 0:
			put_u32(&b, 99);
			put_u32(&b, 8);
			break;
		case 1:
			put_u32(&b, 99);
			put_u32(&b, 30);
			break;
		case 2:
			put_u32(&b, 99);
			put_u32(&b, LIMIT_PCAPNG_BLOCK + 4);
			break;
		case 3:
			put_u32(&b, 99);
			put_u32(&b, 16);
			put_u32(&b, 0);
			put_u32(&b, 20);
			break;
		case 4:
		case 5:
			type = 6;
			put_number(&body, 0, 8);
			put_u32(&body, 0);
			put_u32(&body, i == 4 ? 9 : UINT32_MAX);
			put_u32(&body, 9);
			put_number(&body, 0, 8);
			break;
		case 6:
			type = 6;
			put_number(&body, 0, 8);
			break;
		case 7:
			type = 1;
			put_number(&body, 1, 4);
			break;
		case 8:
			type = 1;
			put_number(&body, 1, 8);
			put_u16(&body, 9);
			put_u16(&body, 1);
			break;
		case 9:
			type = 1;
			put_number(&body, 1, 8);
			put_u16(&body, 2);
			put_u16(&body, 0xffff);
			put_number(&body, 0, 8);
			break;
		case 10:
			type = 0x0a0d0d0a;
			put_u32(&body, 0x1a2b3c00);
			put_number(&body, 0, 8);
			put_number(&body, 0, 4);
			break;
		case 11:
			type = 0x0a0d0d0a;
			put_u32(&body, 0x1a2b3c4d);
			put_u16(&body, 1);
			break;
		case 12:
			type = 0x0a0d0d0a;
			put_u32(&body, 0x1a2b3c4d);
			put_u16(&body, 2);
			put_number(&body, 0, 8);
			put_u16(&body, 0);
			break;
		case 13:
			type = 2;
			put_u32(&body, 0x0000ffff);
			put_number(&body, 0, 8);
			put_number(&body, 0, 8);
			break;
		}
		if (type)
			ng_block(&b, type, bytes_slice(&body));
		ng_packet(&b, 0, 1, 40, 40, 1);
		for (int through_pipe = 0; through_pipe < 2; through_pipe++) {
			struct collected *c =
			    through_pipe ? collect_pipe(bytes_slice(&b)) : collect_file(bytes_slice(&b));
			assert_int_equal(c->n, 1);
			assert_int_equal(c->outcome, FAIL_INPUT);
			char where[256];
			snprintf(where, sizeof where, "frame 2 at byte %zu: %s", at, expected[i]);
			if (!strstr(c->error, where))
				fail_msg("case %zu: %s", i, c->error);
			collected_free(c);
		}
		bytes_done(&body);
		bytes_done(&b);
	}
}

static void test_options(void **state)
{
	(void)state;
	struct bytes b = {0}, body = {0};
	ng_section(&b);
	put_number(&body, 1, 8);
	ng_option(&body, 9, SLICE_LITERAL("\3\3")); /* wrong size: not a resolution */
	ng_option(&body, 14, SLICE_LITERAL("\1\0\0\0"));
	ng_option(&body, 0xfff0, SLICE_LITERAL("private"));
	ng_option(&body, 9, SLICE_LITERAL("\3"));
	ng_option(&body, 0, SLICE_LITERAL(""));
	ng_option(&body, 9, SLICE_LITERAL("\7")); /* behind the end of options */
	ng_block(&b, 1, bytes_slice(&body));
	ng_packet(&b, 0, 1500, 4, 4, 1);
	struct collected *c = collect_file(bytes_slice(&b));
	assert_int_equal(c->outcome, 0);
	assert_int_equal(c->n, 1);
	assert_frame(c, 0, 1500000000, 1, 4, 4, 1);
	collected_free(c);
	bytes_done(&body);
	bytes_done(&b);
}

static void test_interface_limit(void **state)
{
	(void)state;
	for (unsigned extra = 0; extra < 2; extra++) {
		struct bytes b = {0};
		ng_section(&b);
		for (unsigned i = 0; i < LIMIT_PCAPNG_INTERFACES + extra; i++)
			ng_interface(&b, (uint16_t)i, 0, 6, 0);
		ng_packet(&b, LIMIT_PCAPNG_INTERFACES - 1, 0, 4, 4, 1);
		struct collected *c = collect_file(bytes_slice(&b));
		assert_int_equal(c->n, extra ? 0 : 1);
		assert_int_equal(c->outcome, extra ? FAIL_INPUT : 0);
		if (!extra)
			assert_frame(c, 0, 0, LIMIT_PCAPNG_INTERFACES - 1, 4, 4, 1);
		collected_free(c);
		bytes_done(&b);
	}
}

/* A block larger than the read buffer, through a pipe that is fed and emptied in turn (packed, to fit the pipe). */
static void test_large_blocks(void **state)
{
	(void)state;
	struct bytes b = {0}, packed = {0};
	uint8_t *zeros = calloc(1, LIMIT_PCAPNG_BLOCK);
	assert_non_null(zeros);
	ng_section(&b);
	ng_interface(&b, 1, 0, 6, 0);
	ng_packet(&b, 0, 1, 44, 44, 1);
	ng_block(&b, 10, slice_of(zeros, LIMIT_PCAPNG_BLOCK - 12));
	ng_packet(&b, 0, 2, LIMIT_FRAME_BYTES, LIMIT_FRAME_BYTES, 2);
	put_gzip(&packed, bytes_slice(&b));
	struct collected *c = collect_pipe(bytes_slice(&packed));
	assert_int_equal(c->outcome, 0);
	assert_int_equal(c->n, 2);
	assert_frame(c, 0, 1000, 1, 44, 44, 1);
	assert_frame(c, 1, 2000, 1, LIMIT_FRAME_BYTES, LIMIT_FRAME_BYTES, 2);
	collected_free(c);
	free(zeros);
	bytes_done(&packed);
	bytes_done(&b);
}

/* Cut at every byte: the frames whose blocks are whole come, and the end is clean only between blocks. */
static void test_truncated(void **state)
{
	(void)state;
	struct bytes b = {0};
	put_rich_section(&b);
	size_t last = 0;
	for (size_t n = 28; n <= b.n; n++) {
		struct collected *c = collect_file(slice_first(bytes_slice(&b), n));
		size_t at = 0, whole = 0;
		while (at + 8 <= n) {
			uint32_t type, length;
			memcpy(&type, b.p + at, 4);
			memcpy(&length, b.p + at + 4, 4);
			if (at + length > n)
				break;
			whole += type == 2 || type == 3 || type == 6;
			at += length;
		}
		assert_int_equal(c->n, whole);
		assert_int_equal(c->outcome, at == n ? 0 : FAIL_INPUT);
		assert_true(c->n >= last);
		last = c->n;
		collected_free(c);
	}
	assert_int_equal(last, 6);
	bytes_done(&b);
}

/* libpcap reads the same, where it can: one link type and one snap length for all. */
static void test_agrees_with_libpcap(void **state)
{
	(void)state;
	static const uint8_t resolutions[] = {0, 3, 6, 7, 9, 12, 0x80 | 10, 0x80 | 20, 0x80 | 32};
	for (int big = 0; big < 2; big++) {
		struct bytes b = {.big = big};
		ng_section(&b);
		for (size_t i = 0; i < ARRAY(resolutions); i++)
			ng_interface(&b, 1, 65535, resolutions[i], (int64_t)i * 1000);
		for (unsigned i = 0; i < 200; i++) {
			uint32_t interface = i % ARRAY(resolutions);
			uint64_t units = 1;
			for (unsigned k = 0; k < (resolutions[interface] & 0x7f); k++)
				units *= resolutions[interface] & 0x80 ? 2 : 10;
			uint64_t ticks = (100000 + i) * units + i * units / 211;
			if (i % 3)
				ng_packet(&b, interface, ticks, i, i + 3, i);
			else
				ng_old_packet(&b, (uint16_t)interface, ticks, i, i, i);
		}
		struct source src = source_file(bytes_slice(&b));
		struct collected *c = collect(src.path);
		assert_int_equal(c->outcome, 0);
		assert_int_equal(c->n, 200);
		char says[PCAP_ERRBUF_SIZE];
		pcap_t *p = pcap_open_offline_with_tstamp_precision(src.path, PCAP_TSTAMP_PRECISION_NANO, says);
		assert_non_null(p);
		for (size_t i = 0; i < c->n; i++) {
			struct pcap_pkthdr *h;
			const u_char *data;
			assert_int_equal(pcap_next_ex(p, &h, &data), 1);
			int64_t ns = (int64_t)h->ts.tv_sec * 1000000000 + h->ts.tv_usec;
			assert_int_equal(c->got[i].frame.time_ns, ns);
			assert_int_equal(c->got[i].frame.caplen, h->caplen);
			assert_int_equal(c->got[i].frame.len, h->len);
			assert_memory_equal(c->got[i].data, data, h->caplen);
		}
		pcap_close(p);
		source_done(&src);
		collected_free(c);
		bytes_done(&b);
	}
}

struct secrets {
	char text[64];
	unsigned n;
};

static void on_secrets(void *context, const uint8_t *bytes, size_t n)
{
	struct secrets *s = context;
	assert_true(strlen(s->text) + n < sizeof s->text);
	strncat(s->text, (const char *)bytes, n);
	s->n++;
}

static void put_secrets(struct bytes *b, uint32_t kind, uint32_t n, const char *text)
{
	struct bytes body = {.big = b->big};
	put_u32(&body, kind);
	put_u32(&body, n);
	put(&body, text, strlen(text));
	ng_block(b, 10, bytes_slice(&body));
	bytes_done(&body);
}

/* Key logs before and behind the packets, in either byte order; other kinds of secrets, and blocks that claim more than they hold, are passed
 * over. A file that can be looked through gives all of them at once, a pipe each in its place. */
static void test_secrets(void **state)
{
	(void)state;
	for (int big = 0; big < 2; big++)
		for (int through_pipe = 0; through_pipe < 2; through_pipe++) {
			struct bytes b = {.big = big};
			char error[CAPTURE_ERROR_TEXT];
			struct secrets s = {.n = 0};
			struct capture_file *f;
			struct frame frame;
			int fds[2];
			ng_section(&b);
			ng_interface(&b, 1, 262144, 6, 0);
			put_secrets(&b, 0x544c534b, 4, "one\n");
			ng_packet(&b, 0, 5, 61, 61, 1);
			put_secrets(&b, 0x57474b4c, 4, "wg1\n"); /* WireGuard's */
			put_secrets(&b, 0x544c534b, 400, "lie\n");
			b.big = !b.big;
			ng_section(&b);
			put_secrets(&b, 0x544c534b, 4, "two\n");
			struct source file = source_file(bytes_slice(&b));
			if (through_pipe) {
				assert_int_equal(pipe(fds), 0);
				assert_int_equal(write(fds[1], b.p, b.n), (ssize_t)b.n);
				close(fds[1]);
				int saved = stdin_become(fds[0]);
				assert_int_equal(capture_file_open("-", &f, error), 0);
				assert_true(capture_file_secrets(f, on_secrets, &s));
				assert_int_equal(s.n, 0);
				assert_int_equal(capture_file_next(f, &frame), 1);
				assert_string_equal(s.text, "one\n");
				assert_int_equal(capture_file_next(f, &frame), 0);
				capture_file_free(f);
				stdin_restore(saved);
				close(fds[0]);
			} else {
				assert_int_equal(capture_file_open(file.path, &f, error), 0);
				assert_false(capture_file_secrets(f, on_secrets, &s));
				assert_int_equal(s.n, 2);
				assert_int_equal(capture_file_next(f, &frame), 1);
				assert_int_equal(capture_file_next(f, &frame), 0);
				capture_file_free(f);
			}
			assert_string_equal(s.text, "one\ntwo\n");
			assert_int_equal(s.n, 2);
			source_done(&file);
			bytes_done(&b);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sections),
	    cmocka_unit_test(test_secrets),
	    cmocka_unit_test(test_interface_of_other_section),
	    cmocka_unit_test(test_simple_packet_lengths),
	    cmocka_unit_test(test_damage),
	    cmocka_unit_test(test_options),
	    cmocka_unit_test(test_interface_limit),
	    cmocka_unit_test(test_large_blocks),
	    cmocka_unit_test(test_truncated),
	    cmocka_unit_test(test_agrees_with_libpcap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
