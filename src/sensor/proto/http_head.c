#include "http_head.h"

struct slice http_field_value(const struct http_head *head, const char *name)
{
	for (uint32_t i = 0; i < head->n_fields; i++)
		if (slice_ieq_str(head->fields[i].name, name))
			return head->fields[i].value;
	return (struct slice){NULL, 0};
}
