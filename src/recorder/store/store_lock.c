#include "store_lock.h"
#include "status.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* A holder that leaves unlinks the file while it still has the lock. Who opened the file before and got the lock after
 * holds a file that has no name any more: a second one could be made beside it. So compare, and try again. */
#define TRIES 16

static bool still_named(int fd, const char *path)
{
	struct stat mine, named;
	return fstat(fd, &mine) == 0 && lstat(path, &named) == 0 && mine.st_dev == named.st_dev &&
	       mine.st_ino == named.st_ino;
}

int store_lock_take(const char *database, struct store_lock *ret, char error[STORE_ERROR_TEXT])
{
	char *path;
	if (asprintf(&path, "%s-lock", database) < 0)
		return FAIL_MEMORY;
	for (int i = 0; i < TRIES; i++) {
		/* 0600: who cannot open it cannot lock the sensor out. O_NOFOLLOW: in a shared directory the name may be
		 * somebody's link. */
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
		if (fd < 0) {
			snprintf(error, STORE_ERROR_TEXT, "%s: cannot make the writer's lock file: %s", path, strerror(errno));
			free(path);
			return FAIL_DATABASE;
		}
		if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
			if (errno == EWOULDBLOCK)
				snprintf(error, STORE_ERROR_TEXT,
				         "%s: another shadowtap is writing this database (it holds %s)", database, path);
			else
				snprintf(error, STORE_ERROR_TEXT, "%s: cannot be locked: %s", path, strerror(errno));
			close(fd);
			free(path);
			return FAIL_DATABASE;
		}
		if (still_named(fd, path)) {
			*ret = (struct store_lock){fd, path};
			return 0;
		}
		close(fd);
	}
	snprintf(error, STORE_ERROR_TEXT, "%s: other programs keep replacing the lock file", path);
	free(path);
	return FAIL_DATABASE;
}

void store_lock_release(struct store_lock *l)
{
	if (l->fd < 0)
		return;
	unlink(l->path);
	close(l->fd);
	free(l->path);
	*l = (struct store_lock){-1, NULL};
}
