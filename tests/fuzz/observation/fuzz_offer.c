/* Any bytes as the record of an offer: what is decoded is within its limits, and encoded again it is the same. */
#include "offer.h"
#include "text.h"
#include <stdlib.h>

#define CHECK(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct offer_box box;
	if (!offer_decode(data, n, &box))
		return 0;
	CHECK(box.o.list > LIST_NONE && box.o.list < LIST_COUNT && box.o.n <= LIMIT_OFFER_DEFINITIONS);
	size_t items, size;
	uint8_t *again = offer_encode(&box.o, &items, &size);
	CHECK(again);
	record_ref_put(again, &box.o.connection);
	if (items == box.o.n) /* else it was longer than ours are */
		CHECK(size == n && memcmp(again, data, n) == 0);
	free(again);
	offer_box_done(&box);
	return 0;
}
