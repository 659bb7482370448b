#include "definition.h"

const char *definition_list_name(enum definition_list list)
{
	static const char *const names[LIST_COUNT] = {NULL, "tools", "prompts", "resources", "resource-templates"};
	return list < LIST_COUNT ? names[list] : NULL;
}

const char *definition_part_name(enum definition_part part)
{
	static const char *const names[PART_COUNT] = {"name", "description", "input-schema", "output-schema", "annotations", "other"};
	return part < PART_COUNT ? names[part] : NULL;
}

const char *definition_hint_id(unsigned bit)
{
	static const char *const ids[HINT_COUNT] = {"offer.hidden-unicode", "offer.bidi", "offer.hidden-markup", "offer.instructions"};
	return bit < HINT_COUNT ? ids[bit] : NULL;
}
