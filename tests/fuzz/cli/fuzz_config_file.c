/* Any bytes as a configuration file: refused with a sentence that a terminal can be shown, or names and values of one
 * line each. */
#include "config_file.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct config_file f;
	char path[64], error[CONFIG_ERROR_TEXT] = "";
	int fd = memfd_create("config", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, n) != (ssize_t)n)
		abort();
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (config_file_read(path, &f, error)) {
		for (size_t i = 0; i < f.n; i++) {
			const struct config_line *l = &f.lines[i];
			if (l->name[strspn(l->name, "abcdefghijklmnopqrstuvwxyz0123456789-")] || !*l->name ||
			    strchr(l->value, '\n') || l->line == 0 || (i && l->line <= f.lines[i - 1].line))
				abort();
		}
		config_file_done(&f);
	} else {
		if (!*error || strlen(error) >= sizeof error)
			abort();
		for (const char *c = error; *c; c++)
			if ((unsigned char)*c < ' ' || *c == 127)
				abort();
	}
	close(fd);
	return 0;
}
