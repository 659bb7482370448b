/* A key log on the disk -> its bytes, as it grows, is cut, or makes way for another of its name. Called by replay, and by the recorder half of a
 * live sensor. Reads no line of it. */
#ifndef SHADOWTAP_KEYLOG_FILE_H
#define SHADOWTAP_KEYLOG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct keylog_file {
	const char *path;
	int fd;       /* -1: not open */
	dev_t device;
	ino_t inode;
	off_t at;
	bool afresh;  /* the next bytes are the first of a file */
};

void keylog_file_init(struct keylog_file *f, const char *path);
/* Reads what there is beyond what was read. >0: so many bytes, *ret_afresh: they are the first of a file; 0: nothing new; FAIL_IO: it cannot be
 * opened or read (errno), try again later. */
int keylog_file_read(struct keylog_file *f, uint8_t *to, size_t room, bool *ret_afresh);
/* From the beginning once more: whoever got the bytes has lost them. */
void keylog_file_rewind(struct keylog_file *f);
void keylog_file_done(struct keylog_file *f);

#endif
