/* ja4.c against the fingerprints and raw lists that FoxIO published (facts of JA4, BSD-3), and its edges. */
#include "tls_build.h"

#include "ja4.h"
#include "limits.h"
#include <stdio.h>

struct published {
	const char *ja4;
	const char *ciphers, *extensions, *signatures; /* in the order sent, GREASE left out */
};

#define CHROME "1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035"
#define CHROME_SIGNATURES "0403,0804,0401,0503,0805,0501,0806,0601"
#define SCHANNEL "c02c,c02b,c030,c02f,c024,c023,c028,c027,c00a,c009,c014,c013,009d,009c,003d,003c,0035,002f,000a"
#define SCHANNEL_SIGNATURES "0804,0805,0806,0401,0501,0201,0403,0503,0203,0202,0601,0603"

static const struct published published[] = {
	{"t13d1516h2_8daaf6152771_e5627efa2ab1", CHROME,
	 "001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015", CHROME_SIGNATURES},
	{"t13d1516h2_8daaf6152771_9b887d9acb53", CHROME,
	 "000d,0010,0000,000b,0023,4469,ff01,0033,000a,002d,002b,0005,0017,0012,001b,0029", CHROME_SIGNATURES},
	{"t13d1516h1_8daaf6152771_e5627efa2ab1", CHROME,
	 "000d,0033,0000,ff01,002b,0023,002d,0005,0012,000b,0017,4469,0010,001b,000a,0015", CHROME_SIGNATURES},
	{"t13d151400_8daaf6152771_de4a06bb82e3", CHROME,
	 "0033,002b,001b,0000,0012,002d,000d,000a,0005,0023,0017,ff01,000b,0015", CHROME_SIGNATURES},
	{"t13d1517h1_8daaf6152771_6cdcb247c39b", CHROME,
	 "0000,0017,0005,002b,0012,0023,000a,0033,0010,002d,001b,4469,000b,000d,ff01,0015,0029", CHROME_SIGNATURES},
	{"t13d1515h2_8daaf6152771_f37e75b10bcc", CHROME,
	 "0005,001b,0033,002d,4469,000a,000d,0012,ff01,000b,0023,002b,0000,0017,0010", CHROME_SIGNATURES},
	{"t13d1615h2_46e7e9700bed_45f260be83e2",
	 "1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035,000a",
	 "0000,0017,ff01,000a,000b,0023,0010,0005,000d,0012,0033,002d,002b,001b,0015",
	 "0403,0804,0401,0503,0805,0501,0806,0601,0201"},
	{"t10d230100_6a57a6f57151_000000000000",
	 "0039,0038,0035,0016,0013,000a,0033,0032,002f,009a,0099,0096,0005,0004,0015,0012,0009,0014,0011,0008,0006,0003,"
	 "00ff",
	 "0000", ""},
	{"t12d4605h2_85626a9a5f7f_aaf95bb78ec9",
	 "c030,c02c,c028,c024,c014,c00a,009f,006b,0039,cca9,cca8,ccaa,ff85,00c4,0088,0081,009d,003d,0035,00c0,0084,c02f,"
	 "c02b,"
	 "c027,c023,c013,c009,009e,0067,0033,00be,0045,009c,003c,002f,00ba,0041,c011,c007,0005,0004,c012,c008,0016,000a,"
	 "00ff",
	 "0000,000b,000a,000d,0010", "0601,0603,efef,0501,0503,0401,0403,eeee,eded,0301,0303,0201,0203"},
	{"t12d190800_d83cc789557e_7af1ed941c26", SCHANNEL, "0000,0005,000a,000b,000d,0023,0017,ff01", SCHANNEL_SIGNATURES},
	{"t12d1909h2_d83cc789557e_7af1ed941c26", SCHANNEL, "0000,0005,000a,000b,000d,0023,0010,0017,ff01",
	 SCHANNEL_SIGNATURES},
	{"t13d2613h2_2802a3db6c62_845d286b0d67",
	 "1301,1302,1303,c02c,c02b,c024,c023,c00a,c009,cca9,c030,c02f,c028,c027,c014,c013,cca8,009d,009c,003d,003c,0035,"
	 "002f,"
	 "c008,c012,000a",
	 "ff01,0000,0017,000d,0005,0012,0010,000b,0033,002d,002b,000a,0015",
	 "0403,0804,0401,0503,0203,0805,0805,0501,0806,0601,0201"},
	{"t13d1715h2_5b57614c22b0_3d5424432f57",
	 "1301,1303,1302,c02b,c02f,cca9,cca8,c02c,c030,c00a,c009,c013,c014,009c,009d,002f,0035",
	 "0000,0017,ff01,000a,000b,0023,0010,0005,0022,0033,002b,000d,002d,001c,0015",
	 "0403,0503,0603,0804,0805,0806,0401,0501,0601,0203,0201"},
};

static void put_list(struct build *b, const char *text, bool as_extensions, bool grease)
{
	if (grease) {
		put_be(b, 0x8a8a, 2);
		put_be(b, 0, as_extensions ? 2 : 0);
	}
	for (; *text; text += text[4] ? 5 : 4) {
		put_be(b, (uint32_t)strtoul(text, NULL, 16), 2);
		put_be(b, 0, as_extensions ? 2 : 0);
	}
	if (grease) {
		put_be(b, 0xfafa, 2);
		put_be(b, 0, as_extensions ? 2 : 0);
	}
}

static uint16_t version_of(const char *ja4)
{
	return ja4[1] == '1' && ja4[2] == '3' ? 0x0304 : ja4[2] == '2' ? 0x0303 : 0x0301;
}

static void check_published(const struct published *p, bool grease)
{
	struct build c = build_new(), e = build_new(), s = build_new();
	put_list(&c, p->ciphers, false, grease);
	put_list(&e, p->extensions, true, grease);
	put_list(&s, p->signatures, false, grease);
	struct ja4_input in = {
	    .transport = 't',
	    .version = version_of(p->ja4),
	    .server_name = true,
	    .ciphers = build_slice(&c),
	    .extensions = build_slice(&e),
	    .signatures = build_slice(&s),
	    .alpn = slice_str(strncmp(p->ja4 + 8, "h2", 2) == 0   ? "h2"
			      : strncmp(p->ja4 + 8, "h1", 2) == 0 ? "http/1.1"
								  : ""),
	};
	char ja4[JA4_TEXT];
	assert_true(ja4_write(&in, ja4));
	assert_string_equal(ja4, p->ja4);
	build_free(&c);
	build_free(&e);
	build_free(&s);
}

static void published_fingerprints(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
		check_published(&published[i], false);
		check_published(&published[i], true);
	}
}

/* The example without signature algorithms, and one with server_name and ALPN as the only extensions. */
static void without_signatures(void **state)
{
	(void)state;
	struct build c = build_new(), e = build_new();
	put_list(&c, CHROME, false, false);
	put_list(&e, "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01", true, false);
	struct ja4_input in = {
	    .transport = 'q', .version = 0x0304, .ciphers = build_slice(&c), .extensions = build_slice(&e)};
	char ja4[JA4_TEXT];
	assert_true(ja4_write(&in, ja4));
	assert_string_equal(ja4, "q13i151400_8daaf6152771_6d807ffa2a79");

	e.n = 0;
	put_list(&e, "0000,0010", true, true);
	in.extensions = build_slice(&e);
	in.ciphers = slice_of("\x0a\x0a\xba\xba", 4);
	assert_true(ja4_write(&in, ja4));
	assert_string_equal(ja4, "q13i000200_000000000000_000000000000");

	in = (struct ja4_input){.transport = 't', .version = 0x0303};
	assert_true(ja4_write(&in, ja4));
	assert_string_equal(ja4, "t12i000000_000000000000_000000000000");
	build_free(&c);
	build_free(&e);
}

static void check_start(struct ja4_input in, const char *start)
{
	char ja4[JA4_TEXT];
	assert_true(ja4_write(&in, ja4));
	ja4[strlen(start)] = 0;
	assert_string_equal(ja4, start);
}

static void alpn_ends(void **state)
{
	(void)state;
	static const struct {
		const char *alpn, *start;
	} cases[] = {
	    {"", "t00i000000"},
	    {"h2", "t00i0000h2"},
	    {"http/1.1", "t00i0000h1"},
	    {"h", "t00i0000hh"},
	    {"\xab", "t00i0000ab"},
	    {"\x20", "t00i000020"},
	    {"\xab\xcd", "t00i0000ad"},
	    {"\x20\x61", "t00i000021"},
	    {"\x30\xab", "t00i00003b"},
	    {"\x61\x20", "t00i000060"},
	    {"01\xab\xcd", "t00i00003d"},
	    {"0\xab\xcd"
	     "1",
	     "t00i000001"},
	    {"Az", "t00i0000Az"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		check_start((struct ja4_input){.transport = 't', .alpn = slice_str(cases[i].alpn)}, cases[i].start);
}

static void versions(void **state)
{
	(void)state;
	static const struct {
		uint16_t version;
		const char *start;
	} cases[] = {
	    {0x0304, "t13"}, {0x0303, "t12"}, {0x0302, "t11"}, {0x0301, "t10"},
	    {0x0300, "ts3"}, {0x0002, "ts2"}, {0x7f1c, "t00"}, {0, "t00"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		check_start((struct ja4_input){.transport = 't', .version = cases[i].version}, cases[i].start);
}

/* Counts stop at 99. At the cap the fingerprint is refused, not wrong. Sorting is right for any order. */
static void long_lists(void **state)
{
	(void)state;
	struct build up = build_new(), down = build_new();
	for (uint32_t i = 0; i < LIMIT_TLS_JA4_VALUES; i++) {
		put_be(&up, 0x1000 + i / 2, 2);
		put_be(&down, 0x1000 + (LIMIT_TLS_JA4_VALUES - 1 - i) / 2, 2);
	}
	struct ja4_input in = {.transport = 't', .ciphers = build_slice(&up)};
	char a[JA4_TEXT], b[JA4_TEXT];
	assert_true(ja4_write(&in, a));
	assert_memory_equal(a, "t00i990000_", 11);
	in.ciphers = build_slice(&down);
	assert_true(ja4_write(&in, b));
	assert_string_equal(a, b);

	put_be(&up, 0x0a0a, 2); /* GREASE does not count towards the cap */
	in.ciphers = build_slice(&up);
	assert_true(ja4_write(&in, b));
	assert_string_equal(a, b);
	put_be(&up, 0x2000, 2);
	in.ciphers = build_slice(&up);
	assert_false(ja4_write(&in, b));
	assert_string_equal(b, "");
	build_free(&up);
	build_free(&down);
}

static void grease_values(void **state)
{
	(void)state;
	unsigned n = 0;
	for (uint32_t v = 0; v < 0x10000; v++)
		n += tls_is_grease((uint16_t)v);
	assert_int_equal(n, 16);
	assert_true(tls_is_grease(0x0a0a) && tls_is_grease(0xfafa));
	assert_false(tls_is_grease(0x0a1a) || tls_is_grease(0x1301));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(published_fingerprints),
	    cmocka_unit_test(without_signatures),
	    cmocka_unit_test(alpn_ends),
	    cmocka_unit_test(versions),
	    cmocka_unit_test(long_lists),
	    cmocka_unit_test(grease_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
