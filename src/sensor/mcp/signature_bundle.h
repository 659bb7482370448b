/* Signature directories -> one piece of bytes -> a set, so that a process that may open nothing can be given signatures. The recorder's
 * side reads the bundle, the sensor's loads it; both refuse what signature_set_load() would. */
#ifndef SHADOWTAP_SIGNATURE_BUNDLE_H
#define SHADOWTAP_SIGNATURE_BUNDLE_H

#include "signature.h"

struct signature_bundle {
	uint8_t *bytes;
	size_t n;
};

/* FAIL_CONFIG, FAIL_IO or FAIL_MEMORY with a sentence in error. Does not look into the files. */
int signature_bundle_read(const char *const directories[], size_t n, struct signature_bundle *ret,
                          char error[SIGNATURE_ERROR_TEXT]);
/* As signature_set_load(). */
int signature_bundle_load(struct slice bytes, struct signature_set **ret, char error[SIGNATURE_ERROR_TEXT]);
void signature_bundle_done(struct signature_bundle *b);

#endif
