/* Signature files from the input, a NUL between layers; then a NUL NUL and texts to look up, a NUL between them.
 * Whatever loads must be in order, find its own exact patterns, and survive any look-up. */
#include "hostname.h"
#include "signature_loader.h"
#include "signature_set.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_set(const struct signature_set *s)
{
	size_t all = 0;
	for (int k = 0; k < SIGNATURE_KINDS; k++) {
		const struct signature *before = NULL;
		for (size_t i = 0; i < signature_set_count(s, (enum signature_kind)k); i++, all++) {
			const struct signature *one = signature_set_at(s, (enum signature_kind)k, i);
			require(one->kind == (enum signature_kind)k && (!before || strcmp(before->id, one->id) < 0));
			require(strlen(one->id) < LIMIT_SIGNATURE_ID && strlen(one->reason) < LIMIT_DETAIL);
			before = one;
			if (one->match != MATCH_EXACT)
				continue;
			if (k == SIGNATURE_HOST)
				require(signature_host(s, one->pattern) == (one->tier == HOST_IGNORED ? NULL : one));
			else if (k == SIGNATURE_PATH)
				require(signature_path(s, slice_str(one->pattern)) == one);
			else if (k == SIGNATURE_METHOD)
				require(signature_method(s, slice_str(one->pattern)) == one);
			else if (k == SIGNATURE_BEHAVIOUR)
				require(signature_behaviour(s, one->id) == one);
		}
	}
	require(all == s->n_all);
}

static void look_up(const struct signature_set *s, struct slice text)
{
	char name[HOSTNAME_TEXT];
	const struct signature *host = hostname_normalize(text, name) ? signature_host(s, name) : NULL;
	require(!host || host->tier != HOST_IGNORED);
	for (size_t i = 0; i < signature_set_count(s, SIGNATURE_HOST); i++) {
		const struct signature *one = signature_set_at(s, SIGNATURE_HOST, i);
		const struct signature_endpoint *e = signature_host_endpoint(one, text);
		require(!e || (e >= one->endpoints && e < one->endpoints + one->n_endpoints));
	}
	signature_path(s, text);
	signature_header(s, text, text);
	signature_method(s, text);
	signature_user_agent(s, text);
	signature_client(s, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_of(data, size);
	struct signature_loader l;
	struct signature_set *s = NULL;
	int fail = 0;

	signature_loader_init(&l);
	while (!fail && rest.n) {
		size_t n = slice_find(rest, 0);
		if (n == 0)
			break;
		fail = signature_loader_layer(&l);
		if (!fail)
			fail = signature_loader_text(&l, "fuzz.json", (const char *)rest.p, n);
		rest = slice_after(rest, n + 1);
	}
	if (!fail)
		fail = signature_loader_finish(&l, false, &s);
	require(fail ? l.error[0] != '\0' && !s : s != NULL);
	for (const char *c = l.error; *c; c++) /* it goes to a terminal */
		require((unsigned char)*c >= 0x20 && *c != 0x7f);
	signature_loader_done(&l);
	if (s) {
		check_set(s);
		rest = slice_after(rest, 1);
		do {
			size_t n = slice_find(rest, 0);
			look_up(s, slice_first(rest, n));
			rest = slice_after(rest, n + 1);
		} while (rest.n);
		signature_set_free(s);
	}
	return 0;
}
