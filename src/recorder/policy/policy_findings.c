/* "no_findings": ["no-auth", ...] of a policy -> a set of findings. Called by policy_load. Refuses ids that are not known: a requirement
 * that could never be breached would look like one that is met. */
#include "policy_load.h"

bool policy_findings_read(struct jsonfile *file, const struct jsonplace *at, const json_t *require, uint64_t *ret)
{
	struct jsonplace list = {at, "no_findings", 0};
	const json_t *array = NULL;
	uint64_t set = 0;
	if (!jsonfile_array(file, at, require, "no_findings", false, &array))
		return false;
	if (!array)
		return true;
	for (size_t i = 0; i < json_array_size(array); i++) {
		struct jsonplace place = {&list, NULL, i};
		const char *id = json_string_value(json_array_get(array, i));
		const struct finding *f = id ? finding_find(id) : NULL;
		if (!id)
			return jsonfile_fail(file, &place, "must be the id of a finding, such as \"no-auth\"");
		if (!f)
			return jsonfile_fail(file, &place, "there is no finding \"%.64s\"; `shadowtap findings` lists them", id);
		set |= UINT64_C(1) << (f - finding_table);
	}
	*ret = set;
	return true;
}
