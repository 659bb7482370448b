/* Any bytes: decoding refuses them or gives counters whose encoding is those very bytes, with names that break no exit.
 */
#include "counters.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct counters c;
	static uint8_t again[COUNTERS_BYTES];
	if (!counters_decode(slice_of(data, n), &c)) {
		if (c.n)
			abort();
		return 0;
	}
	if (c.n > LIMIT_COUNTERS || counters_encode(&c, again) != n || memcmp(again, data, n) != 0)
		abort();
	for (size_t i = 0; i < c.n; i++)
		if (strpbrk(c.items[i].name, "\"\\\n{} =") || counters_get(&c, c.items[i].name) != c.items[i].value)
			abort();
	return 0;
}
