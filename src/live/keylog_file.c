/* Known weakness: a file that was cut and has grown beyond what was read of it between two looks seems to have grown alone. */
#include "keylog_file.h"
#include "status.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

void keylog_file_init(struct keylog_file *f, const char *path)
{
	*f = (struct keylog_file){.path = path, .fd = -1};
}

void keylog_file_done(struct keylog_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

void keylog_file_rewind(struct keylog_file *f)
{
	f->at = 0;
	f->afresh = true;
}

static int open_it(struct keylog_file *f)
{
	struct stat st;
	f->fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (f->fd < 0)
		return FAIL_IO;
	if (fstat(f->fd, &st) != 0 || !S_ISREG(st.st_mode)) { /* what can be read only once cannot be read again for another sensor process */
		keylog_file_done(f);
		errno = EINVAL;
		return FAIL_IO;
	}
	f->device = st.st_dev;
	f->inode = st.st_ino;
	keylog_file_rewind(f);
	return 0;
}

/* Nothing is left to read: is it still the file of that name, and as long as it was? */
static bool changed(struct keylog_file *f)
{
	struct stat st;
	if (fstat(f->fd, &st) == 0 && st.st_size < f->at) {
		keylog_file_rewind(f);
		return st.st_size > 0;
	}
	if (stat(f->path, &st) != 0 || (st.st_dev == f->device && st.st_ino == f->inode))
		return false; /* moved away, and no new one yet: the old one may still be written to */
	keylog_file_done(f);
	return true;
}

int keylog_file_read(struct keylog_file *f, uint8_t *to, size_t room, bool *ret_afresh)
{
	for (int tries = 0; tries < 2; tries++) {
		if (f->fd < 0 && open_it(f) != 0)
			return FAIL_IO;
		ssize_t n = pread(f->fd, to, room, f->at);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return FAIL_IO;
		}
		if (n > 0) {
			f->at += n;
			*ret_afresh = f->afresh;
			f->afresh = false;
			return (int)n;
		}
		if (!changed(f))
			return 0;
	}
	return 0;
}
