#include "signature_bundle.h"
#include "cursor.h"
#include "limits.h"
#include "signature_loader.h"
#include "status.h"
#include "text.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* A row of items: what it is, length of the path, path, length of the text, text. A layer has neither. Big endian. */
enum item { ITEM_LAYER = 1, ITEM_FILE };

static int fail_with(int fail, char error[SIGNATURE_ERROR_TEXT], const char *path, const char *why)
{
	char path_text[SIGNATURE_ERROR_TEXT];
	size_t n = 0;
	text_escape_terminal(path_text, sizeof path_text, slice_str(path));
	text_append(error, SIGNATURE_ERROR_TEXT, &n, "%s: %s", path_text, why);
	return fail;
}

static void put_be32(FILE *to, size_t v)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		fputc((int)(v >> shift & 0xff), to);
}

static int put_file(FILE *to, const char *path, char error[SIGNATURE_ERROR_TEXT])
{
	char block[16384];
	FILE *from = fopen(path, "rbe");
	struct stat st;
	if (!from || fstat(fileno(from), &st) != 0) {
		int fail = fail_with(FAIL_IO, error, path, strerror(errno));
		if (from)
			fclose(from);
		return fail;
	}
	fputc(ITEM_FILE, to);
	put_be32(to, strlen(path));
	fputs(path, to);
	if (!S_ISREG(st.st_mode) || st.st_size > LIMIT_MESSAGE_DOWN) {
		fclose(from);
		return fail_with(FAIL_CONFIG, error, path, S_ISREG(st.st_mode) ? "is too large" : "is not a file");
	}
	put_be32(to, (size_t)st.st_size);
	/* a file that grows or shrinks meanwhile must not break the frame around it: loading will find the text wrong */
	for (size_t left = (size_t)st.st_size; left;) {
		size_t want = left < sizeof block ? left : sizeof block;
		size_t got = fread(block, 1, want, from);
		if (got == 0) {
			memset(block, 0, want);
			got = want;
		}
		fwrite(block, 1, got, to);
		left -= got;
	}
	fclose(from);
	return 0;
}

int signature_bundle_read(const char *const directories[], size_t n, struct signature_bundle *ret,
                          char error[SIGNATURE_ERROR_TEXT])
{
	char *bytes = NULL;
	size_t size = 0;
	int fail = 0;
	FILE *to = open_memstream(&bytes, &size);
	if (!to) {
		snprintf(error, SIGNATURE_ERROR_TEXT, "out of memory");
		return FAIL_MEMORY;
	}
	error[0] = 0;
	for (size_t i = 0; !fail && i < n; i++) {
		char **files;
		size_t n_files;
		fputc(ITEM_LAYER, to);
		fail = signature_directory_list(directories[i], &files, &n_files, error);
		for (size_t k = 0; !fail && k < n_files; k++)
			fail = put_file(to, files[k], error);
		if (files)
			signature_directory_list_free(files, n_files);
	}
	bool whole = fflush(to) == 0 && !ferror(to);
	fclose(to);
	if (!fail && (!whole || size > LIMIT_MESSAGE_DOWN)) {
		snprintf(error, SIGNATURE_ERROR_TEXT, whole ? "the signature files are larger than %u bytes" : "out of memory",
		         LIMIT_MESSAGE_DOWN);
		fail = whole ? FAIL_CONFIG : FAIL_MEMORY;
	}
	if (fail) {
		free(bytes);
		return fail;
	}
	*ret = (struct signature_bundle){(uint8_t *)bytes, size};
	return 0;
}

static int load_item(struct signature_loader *l, struct cursor *c)
{
	uint8_t what = cursor_u8(c);
	if (what == ITEM_LAYER)
		return signature_loader_layer(l);
	struct slice path = cursor_take(c, cursor_be32(c));
	struct slice text = cursor_take(c, cursor_be32(c));
	if (!cursor_ok(c) || what != ITEM_FILE || l->n_layers == 0)
		return signature_loader_fail(l, FAIL_INPUT, NULL, "this is no bundle of signatures");
	char *name = strndup((const char *)path.p, path.n);
	if (!name)
		return signature_loader_fail_memory(l);
	int fail = signature_loader_text(l, name, (const char *)text.p, text.n);
	free(name);
	return fail;
}

int signature_bundle_load(struct slice bytes, struct signature_set **ret, char error[SIGNATURE_ERROR_TEXT])
{
	struct signature_loader l;
	struct cursor c = cursor_of(bytes);
	int fail = 0;
	signature_loader_init(&l);
	while (!fail && cursor_left(&c))
		fail = load_item(&l, &c);
	if (!fail)
		fail = signature_loader_finish(&l, true, ret);
	memcpy(error, l.error, SIGNATURE_ERROR_TEXT);
	signature_loader_done(&l);
	return fail;
}

void signature_bundle_done(struct signature_bundle *b)
{
	free(b->bytes);
	*b = (struct signature_bundle){0};
}
