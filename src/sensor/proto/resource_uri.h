/* The URI of a resource -> as much of it as may be recorded. Called wherever one is counted, named or logged. Leaves out user and password,
 * query and fragment, which is where credentials travel, and the content of data: URIs. */
#ifndef SHADOWTAP_RESOURCE_URI_H
#define SHADOWTAP_RESOURCE_URI_H

#include "slice.h"

/* is_template: "{?a,b}" and "{#a}" are no values (RFC 6570 3.2). True if nothing was left out; what does not fit is cut. */
bool resource_uri_plain(struct slice uri, bool is_template, char *out, size_t cap);

#endif
