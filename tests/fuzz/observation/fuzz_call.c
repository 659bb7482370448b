/* Any bytes: decoding refuses them or gives a call whose encoding is those very bytes. */
#include "call.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct call_box box;
	if (!call_decode(data, n, &box))
		return 0;
	size_t again_n = 0;
	uint8_t *again = call_encode(&box.c, &again_n);
	if (again)
		record_ref_put(again, &box.c.connection);
	if (again && (again_n != n || memcmp(again, data, n) != 0))
		abort();
	free(again);
	return 0;
}
