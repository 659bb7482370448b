#include "evidence_files.h"
#include "frame.h"
#include "status.h"
#include "text.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Files of one second. */
enum { NUMBERS = 1000 };

static const char name_form[] = "shadowtap-00000000T000000Z-000.pcapng"; /* 0: any digit */

struct evidence_files {
	int directory;
	uint64_t file_bytes, total_bytes, deleted;
	time_t second; /* of the last name, and how many names it had: those of deleted files are not given again */
	int names;
	char latest[64]; /* the file that was made last, or empty */
	char path[]; /* for error texts */
};

static int fail(const struct evidence_files *e, const char *what, char error[EVIDENCE_ERROR_TEXT])
{
	int saved = errno;
	char path[300];
	text_escape_terminal(path, sizeof path, slice_str(e->path));
	snprintf(error, EVIDENCE_ERROR_TEXT, "%s: %s: %s", path, what, strerror(saved));
	errno = saved;
	return FAIL_IO;
}

int evidence_files_new(const char *directory, uint64_t file_bytes, uint64_t total_bytes, struct evidence_files **ret,
                       char error[EVIDENCE_ERROR_TEXT])
{
	size_t n = strlen(directory) + 1;
	struct evidence_files *e = calloc(1, sizeof *e + n);
	if (!e) {
		snprintf(error, EVIDENCE_ERROR_TEXT, "out of memory");
		return FAIL_MEMORY;
	}
	memcpy(e->path, directory, n);
	e->file_bytes = file_bytes;
	e->total_bytes = total_bytes;
	if (mkdir(directory, 0700) != 0 && errno != EEXIST)
		e->directory = -1;
	else
		e->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (e->directory < 0 || faccessat(e->directory, ".", W_OK | X_OK, AT_EACCESS) != 0) {
		int r = fail(e, "cannot be used for evidence files", error);
		evidence_files_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

static bool is_own_name(const char *name)
{
	size_t n = strlen(name);
	if (n != sizeof name_form - 1)
		return false;
	for (size_t i = 0; i < n; i++)
		if (name_form[i] == '0' ? !isdigit((unsigned char)name[i]) : name[i] != name_form[i])
			return false;
	return true;
}

static bool is_older(const struct timespec *a, const char *a_name, const struct timespec *b, const char *b_name)
{
	if (a->tv_sec != b->tv_sec)
		return a->tv_sec < b->tv_sec;
	if (a->tv_nsec != b->tv_nsec)
		return a->tv_nsec < b->tv_nsec;
	return strcmp(a_name, b_name) < 0;
}

/* How much the files hold together, and which is the oldest; *oldest is empty where there is none. */
static int look_around(const struct evidence_files *e, uint64_t *ret_bytes, char oldest[sizeof name_form])
{
	int fd = openat(e->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	if (!d) {
		if (fd >= 0)
			close(fd);
		return FAIL_IO;
	}
	struct timespec oldest_time = {0};
	*ret_bytes = 0;
	oldest[0] = '\0';
	for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
		struct stat st;
		if (!is_own_name(entry->d_name) || fstatat(e->directory, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		*ret_bytes += (uint64_t)st.st_size;
		if (!oldest[0] || is_older(&st.st_mtim, entry->d_name, &oldest_time, oldest)) {
			memcpy(oldest, entry->d_name, sizeof name_form);
			oldest_time = st.st_mtim;
		}
	}
	closedir(d);
	return 0;
}

static int make_room(struct evidence_files *e, char error[EVIDENCE_ERROR_TEXT])
{
	uint64_t bytes;
	char oldest[sizeof name_form];
	for (;;) {
		if (look_around(e, &bytes, oldest) != 0)
			return fail(e, "cannot be listed", error);
		if (!oldest[0] || bytes + e->file_bytes <= e->total_bytes)
			return 0;
		if (unlinkat(e->directory, oldest, 0) != 0 && errno != ENOENT)
			return fail(e, "the oldest evidence file cannot be deleted", error);
		e->deleted++;
	}
}

/* Where nothing could be written, as on a full disk, each new try makes a new file: its predecessor must not stay, or
 * they would fill the directory in a night. One that has packets is left alone. */
static void drop_empty(struct evidence_files *e)
{
	struct stat st;
	if (e->latest[0] && fstatat(e->directory, e->latest, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size == 0)
		unlinkat(e->directory, e->latest, 0);
	e->latest[0] = 0;
}

int evidence_files_next(struct evidence_files *e, int64_t time_ns, int *ret_fd, char error[EVIDENCE_ERROR_TEXT])
{
	drop_empty(e);
	int r = make_room(e, error);
	if (r != 0)
		return r;
	/* packet times may be anything; names have four digits for the year */
	time_t second = time_ns < 0 ? 0 : (time_t)(time_ns / NS_PER_SEC);
	struct tm tm;
	char name[64];
	gmtime_r(&second, &tm);
	size_t n = strftime(name, sizeof name, "shadowtap-%Y%m%dT%H%M%SZ", &tm);
	if (second != e->second)
		e->names = 0;
	e->second = second;
	for (int number = e->names; number < NUMBERS; number++) {
		e->names = number + 1;
		snprintf(name + n, sizeof name - n, "-%03d.pcapng", number);
		int fd = openat(e->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0) {
			*ret_fd = fd;
			memcpy(e->latest, name, sizeof name);
			return 0;
		}
		if (errno != EEXIST)
			break;
	}
	return fail(e, name, error);
}

uint64_t evidence_files_deleted(const struct evidence_files *e)
{
	return e->deleted;
}

void evidence_files_free(struct evidence_files *e)
{
	if (!e)
		return;
	if (e->directory >= 0) {
		drop_empty(e);
		close(e->directory);
	}
	free(e);
}

static void append(char out[EVIDENCE_COMMENT_TEXT], size_t *n, const char *before, const char *text)
{
	char cut[EVIDENCE_COMMENT_TEXT / 4]; /* so that the long name of one cannot push out the others */
	text_copy(cut, sizeof cut, slice_str(text ? text : "-"));
	for (char *newline = cut; (newline = strchr(newline, '\n')) != NULL;)
		*newline = ' '; /* which would begin a line of a stranger's making */
	text_append(out, EVIDENCE_COMMENT_TEXT, n, "%s%s", before, cut);
}

void evidence_comment(const struct event *e, char out[EVIDENCE_COMMENT_TEXT])
{
	const struct observation *o = e->o;
	size_t n = 0;
	char ip[IP_ADDR_TEXT];
	char server[IP_ADDR_TEXT + 8];
	ip_addr_format(&o->server_ip, ip);
	snprintf(server, sizeof server, o->server_ip.family == 6 ? "[%s]:%u" : "%s:%u", ip, (unsigned)o->server_port);
	text_append(out, EVIDENCE_COMMENT_TEXT, &n, "shadowtap %s %s %s", e->event_id, verdict_name(e->j->verdict),
	            confidence_name(o->confidence));
	append(out, &n, " ", o->host ? o->host : o->sni ? o->sni : server);
	append(out, &n, " ", o->client_name);
	append(out, &n, " -> ", o->server_name);
}
