/* Any bytes as the body of a request to an LLM API: the same servers in any split, in bounded memory. The first byte
 * says which API, and how long the pieces are. */
#include "../../../unit/sensor/proto/llm_lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static char whole[LIMIT_CONNECTORS * 1024], split[sizeof whole], bytes[sizeof whole];
	if (n == 0)
		return 0;
	enum llm_api api = data[0] & 1 ? LLM_RESPONSES : LLM_MESSAGES;
	struct slice in = slice_of(data + 1, n - 1);
	for (int complete = 0; complete < 2; complete++) {
		llm_lines_of(in, api, 0, complete, whole, sizeof whole);
		llm_lines_of(in, api, 1, complete, bytes, sizeof bytes);
		llm_lines_of(in, api, 2u + (data[0] >> 1), complete, split, sizeof split);
		if (strcmp(whole, bytes) != 0 || strcmp(whole, split) != 0)
			abort();
	}
	return 0;
}
