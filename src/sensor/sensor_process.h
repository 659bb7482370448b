/* The sensor half as a process of its own: interfaces in, observations out through a socketpair. Forked by the launcher with the right
 * to open the interfaces; gives every right away before it reads the first packet. Reads and writes nothing but what it then holds open. */
#ifndef SHADOWTAP_SENSOR_PROCESS_H
#define SHADOWTAP_SENSOR_PROCESS_H

#include "siphash.h"

struct sensor_process_config {
	const char *const *interfaces;
	unsigned n_interfaces;
	const char *filter;           /* or NULL */
	uint32_t snaplen, buffer_bytes;
	bool promiscuous;
	unsigned capture_threads;     /* for each interface */
	unsigned workers;
	size_t evidence_bytes;        /* 0: no evidence files */
	uint64_t evidence_file_bytes;
	const char *const *keylogs;   /* names of the files whose bytes come down the channel */
	unsigned n_keylogs;           /* 0: nothing is decrypted */
	bool definition_texts;        /* of what servers offer, not only their hashes */
	bool audit;                   /* calls are wanted */
	bool confine;
	struct hash_key session_key;  /* made by the launcher: the next sensor process finds sessions again, the recorder never has it */
};

/* Returns the process's exit status. tolerant: an interface that cannot be opened is told of and left out, as long as there is another
 * (a restart must not fail where a running sensor would have gone on). */
int sensor_process_main(const struct sensor_process_config *config, int socket, bool tolerant);

#endif
