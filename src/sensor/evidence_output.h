/* Packets of wanted connections -> the evidence file that the recorder opened and handed down: changed when it has reached its size, given up and
 * asked for anew when it cannot be written. Called by the sensor process; opens nothing. */
#ifndef SHADOWTAP_EVIDENCE_OUTPUT_H
#define SHADOWTAP_EVIDENCE_OUTPUT_H

#include "frame.h"
#include "outbox.h"

struct evidence_output {
	struct outbox *out;
	const char *const *interfaces;
	size_t n_interfaces;
	uint64_t file_bytes;            /* size at which a file is full */
	struct pcapng_writer *writer;   /* NULL: there is no file at the moment */
	int fd;
	bool asked, failing;
	int64_t ask_at_ms;              /* after a failure; 0: none */
	uint64_t packets, bytes, files, unwritten;
};

/* names are borrowed. */
void evidence_output_init(struct evidence_output *e, struct outbox *out, const char *const *interfaces, size_t n_interfaces,
                          uint64_t file_bytes);
/* Takes the descriptor over. -1: write no more. */
void evidence_output_file(struct evidence_output *e, int fd);
void evidence_output_put(struct evidence_output *e, const struct frame *f, const char *comment);
/* Once a second, and at the end: what is written so far is whole. */
void evidence_output_tick(struct evidence_output *e, int64_t now_ms);
void evidence_output_done(struct evidence_output *e);

#endif
