/* The name outside an encrypted hello: a hint, until the server shows that it read no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mcp_evidence.h"

static struct signature_set *set;

static int load(void **state)
{
	(void)state;
	static const char *const directories[] = {TEST_SOURCE_DIR "/signatures"};
	char error[SIGNATURE_ERROR_TEXT];
	return signature_set_load(directories, 1, &set, error);
}

static int unload(void **state)
{
	(void)state;
	signature_set_free(set);
	return 0;
}

static struct tls_facts hello(const char *sni, bool ech)
{
	struct tls_facts f = {.client_hello = true, .ech = ech};
	memcpy(f.sni, sni, strlen(sni) + 1);
	return f;
}

static void test_hidden(void **state)
{
	(void)state;
	struct anomaly_counts anomalies = {0};
	struct mcp_evidence e;
	mcp_evidence_init(&e, set, &anomalies);
	struct tls_facts f = hello("mcp.stripe.com", true);
	struct mcp_row *row = mcp_evidence_hello(&e, &f, "the TLS server name");
	assert_int_equal(row->confidence, CONFIDENCE_POSSIBLE);
	assert_true(row->facts & FACT_ECH);
	assert_string_equal(row->sni, "mcp.stripe.com");
	assert_string_equal(row->key, ""); /* not the server's name */
	assert_true(e.unnamed);
	f.server_hello = true; /* TLS 1.3: it may have been read inside */
	f.version = 0x0304;
	assert_ptr_equal(mcp_evidence_hello(&e, &f, "the TLS server name"), row);
	assert_int_equal(row->confidence, CONFIDENCE_POSSIBLE);
	f.version = 0x0303; /* TLS 1.2 has no ECH: the server was asked for what shows */
	assert_ptr_equal(mcp_evidence_hello(&e, &f, "the TLS server name"), row);
	assert_int_equal(row->confidence, CONFIDENCE_LIKELY);
	assert_false(row->facts & FACT_ECH);
	assert_string_equal(row->key, "mcp.stripe.com");
	assert_false(e.unnamed);
	assert_int_equal(e.n_rows, 1);
	mcp_evidence_done(&e);
}

static void test_shown(void **state)
{
	(void)state;
	struct anomaly_counts anomalies = {0};
	struct mcp_evidence e;
	mcp_evidence_init(&e, set, &anomalies);
	struct tls_facts f = hello("mcp.stripe.com", false);
	struct mcp_row *row = mcp_evidence_hello(&e, &f, "the TLS server name");
	assert_int_equal(row->confidence, CONFIDENCE_LIKELY);
	assert_false((row->facts & FACT_ECH) || e.unnamed);
	mcp_evidence_done(&e);
	mcp_evidence_init(&e, set, &anomalies);
	f = hello("", false);
	row = mcp_evidence_hello(&e, &f, "the TLS server name");
	assert_int_equal(row->confidence, CONFIDENCE_NONE);
	assert_true(e.unnamed);
	mcp_evidence_done(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_hidden), cmocka_unit_test(test_shown)};
	return cmocka_run_group_tests(tests, load, unload);
}
