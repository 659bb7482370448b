/* A directory -> evidence files, one after the other: shadowtap-YYYYMMDDTHHMMSSZ-NNN.pcapng, each made afresh, the
 * oldest deleted so that all of them stay within a total. Called by whoever may open files: replay and live's
 * recorder half. Writes no packet. */
#ifndef SHADOWTAP_EVIDENCE_FILES_H
#define SHADOWTAP_EVIDENCE_FILES_H

#include "event.h"

struct evidence_files;

#define EVIDENCE_ERROR_TEXT 512

/* Makes the directory where there is none. file_bytes: what one file may grow to, which is the writer's to heed;
 * total_bytes: at least that. FAIL_IO or FAIL_MEMORY with a sentence in error. */
int evidence_files_new(const char *directory, uint64_t file_bytes, uint64_t total_bytes, struct evidence_files **ret,
                       char error[EVIDENCE_ERROR_TEXT]);
/* An empty file named by time_ns, open for writing, for its owner only (0600). Deletes the files of such names
 * (whoever made them; no others) that were not written to for longest until there is room for a whole new one.
 * FAIL_IO with a sentence in error. */
int evidence_files_next(struct evidence_files *e, int64_t time_ns, int *ret_fd, char error[EVIDENCE_ERROR_TEXT]);
uint64_t evidence_files_deleted(const struct evidence_files *e);
void evidence_files_free(struct evidence_files *e); /* NULL is fine */

/* What is written beside the first packet of the event's connection: "shadowtap EVENT_ID verdict confidence server
 * client_name -> server_name", "-" for what is not known. One line; control characters but the newline
 * are left to pcapng_writer to escape. */
#define EVIDENCE_COMMENT_TEXT 1024
void evidence_comment(const struct event *e, char out[EVIDENCE_COMMENT_TEXT]);

#endif
