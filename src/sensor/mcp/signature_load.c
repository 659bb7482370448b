/* Signature directories -> one frozen set. Called once at start. Refuses to load half: any error stops it. */
#include "signature_loader.h"
#include "signature_set.h"
#include "status.h"
#include "text.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void signature_loader_init(struct signature_loader *l)
{
	memset(l, 0, sizeof *l);
}

void signature_loader_done(struct signature_loader *l)
{
	for (size_t i = 0; i < l->n_documents; i++) {
		free(l->documents[i].path);
		json_decref(l->documents[i].root);
	}
	free(l->documents);
	free(l->drafts);
	memset(l, 0, sizeof *l);
}

int signature_loader_fail(struct signature_loader *l, int fail, const char *path, const char *sentence)
{
	char text[2 * SIGNATURE_ERROR_TEXT];
	size_t n = 0;
	text_append(text, sizeof text, &n, "%s%s%s", path ? path : "", path ? ": " : "", sentence);
	if (!l->error[0])
		text_escape_terminal(l->error, sizeof l->error, slice_str(text));
	return fail;
}

int signature_loader_fail_memory(struct signature_loader *l)
{
	return signature_loader_fail(l, FAIL_MEMORY, NULL, "out of memory");
}

/* What jsonfile found wrong is already escaped. */
int signature_loader_fail_file(struct signature_loader *l, const struct jsonfile *f)
{
	if (!l->error[0])
		snprintf(l->error, sizeof l->error, "%s", f->error);
	return f->fail;
}

/* Room for one more element in a growing array; false when out of memory. */
static bool grow(void *array, size_t *cap, size_t n, size_t element)
{
	void *old, *more;
	if (n < *cap)
		return true;
	memcpy(&old, array, sizeof old);
	more = reallocarray(old, *cap ? *cap * 2 : 16, element);
	if (!more)
		return false;
	memcpy(array, &more, sizeof more);
	*cap = *cap ? *cap * 2 : 16;
	return true;
}

/* ---- files ---- */

int signature_loader_layer(struct signature_loader *l)
{
	if (l->n_layers == LIMIT_SIGNATURE_DIRECTORIES)
		return signature_loader_fail(l, FAIL_CONFIG, NULL, "too many signature directories");
	l->n_layers++;
	return 0;
}

static bool word_member(struct jsonfile *f, const json_t *root, const char *name, const char *also, const char **ret)
{
	struct jsonplace here = {NULL, name, 0};
	if (!jsonfile_string(f, NULL, root, name, true, ret))
		return false;
	size_t n = strlen(*ret);
	for (const char *c = *ret; *c; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || strchr(also, *c)))
			return jsonfile_fail(f, &here, "must be lower-case letters, digits or one of '%s'", also);
	if (n == 0 || n >= SIGNATURE_VERSION_CAP)
		return jsonfile_fail(f, &here, "must have 1 to %d characters", SIGNATURE_VERSION_CAP - 1);
	return true;
}

/* The files of a directory are one set of one version, so that an event's signature_set names what was in force. */
static bool read_header(struct signature_loader *l, struct jsonfile *f, const json_t *root)
{
	static const char *const members[] = {"$schema", "comment", "version", "set", "signatures", NULL};
	struct signature_layer *layer = &l->layers[l->n_layers - 1];
	struct jsonplace set_at = {NULL, "set", 0}, version_at = {NULL, "version", 0};
	const char *set = NULL, *version = NULL, *ignored = NULL;
	if (!jsonfile_members(f, NULL, root, members) || !jsonfile_string(f, NULL, root, "$schema", false, &ignored) ||
	    !jsonfile_string(f, NULL, root, "comment", false, &ignored) || !word_member(f, root, "set", "-", &set) ||
	    !word_member(f, root, "version", ".-", &version))
		return false;
	if (!layer->set) {
		*layer = (struct signature_layer){set, version, (uint32_t)(l->n_documents - 1)};
		return true;
	}
	const char *first = l->documents[layer->document].path;
	if (strcmp(set, layer->set) != 0)
		return jsonfile_fail(f, &set_at, "\"%s\", but \"%s\" in %s: one directory holds one set", set,
				     layer->set, first);
	if (strcmp(version, layer->version) != 0)
		return jsonfile_fail(f, &version_at, "\"%s\", but \"%s\" in %s", version, layer->version, first);
	return true;
}

static int take_document(struct signature_loader *l, struct jsonfile *f, const char *path, json_t *root)
{
	static const char *const names[] = {"signatures"};
	struct jsonplace list_at = {NULL, names[0], 0};
	const json_t *list = NULL;

	if (!root)
		return signature_loader_fail_file(l, f);
	char *copy = strdup(path);
	if (!copy || !grow(&l->documents, &l->cap_documents, l->n_documents, sizeof *l->documents)) {
		free(copy);
		json_decref(root);
		return signature_loader_fail_memory(l);
	}
	l->documents[l->n_documents++] = (struct signature_document){copy, root};

	if (!read_header(l, f, root) || !jsonfile_array(f, NULL, root, "signatures", true, &list))
		return signature_loader_fail_file(l, f);
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct jsonplace at = {&list_at, NULL, i};
		if (l->n_drafts == LIMIT_SIGNATURES) {
			jsonfile_fail(f, &at, "more than %d signatures in all", LIMIT_SIGNATURES);
			return signature_loader_fail_file(l, f);
		}
		if (!grow(&l->drafts, &l->cap_drafts, l->n_drafts, sizeof *l->drafts))
			return signature_loader_fail_memory(l);
		struct signature_draft *d = &l->drafts[l->n_drafts];
		if (!signature_read(f, &at, json_array_get(list, i), d))
			return signature_loader_fail_file(l, f);
		d->document = (uint32_t)(l->n_documents - 1);
		d->index = (uint32_t)i;
		d->layer = (uint32_t)(l->n_layers - 1);
		l->n_drafts++;
	}
	return 0;
}

int signature_loader_file(struct signature_loader *l, const char *path)
{
	struct jsonfile f;
	json_t *root = jsonfile_load(&f, path);
	return take_document(l, &f, path, root);
}

int signature_loader_text(struct signature_loader *l, const char *path, const char *text, size_t n)
{
	struct jsonfile f;
	json_t *root = jsonfile_parse(&f, path, text, n);
	return take_document(l, &f, path, root);
}

static int is_json(const struct dirent *e)
{
	size_t n = strlen(e->d_name);
	return n > 5 && e->d_name[0] != '.' && strcmp(e->d_name + n - 5, ".json") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name); /* not alphasort: that follows the locale */
}

void signature_directory_list_free(char **files, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(files[i]);
	free(files);
}

int signature_directory_list(const char *directory, char ***ret, size_t *ret_n, char error[SIGNATURE_ERROR_TEXT])
{
	struct dirent **names;
	char path[SIGNATURE_ERROR_TEXT];
	int n = scandir(directory, &names, is_json, by_name);
	text_escape_terminal(path, sizeof path, slice_str(directory));
	*ret = NULL;
	*ret_n = 0;
	if (n <= 0) {
		int fail = n == 0 ? FAIL_CONFIG : errno == ENOMEM ? FAIL_MEMORY : FAIL_IO;
		size_t at = 0;
		text_append(error, SIGNATURE_ERROR_TEXT, &at, "%s: %s", path,
			    n == 0 ? "holds no signature file (*.json)" : strerror(errno));
		if (n == 0)
			free(names);
		return fail;
	}
	char **files = calloc((size_t)n, sizeof *files);
	bool whole = files != NULL;
	for (int i = 0; i < n; i++) {
		if (whole && asprintf(&files[i], "%s/%s", directory, names[i]->d_name) < 0) {
			files[i] = NULL;
			whole = false;
		}
		free(names[i]);
	}
	free(names);
	if (!whole) {
		if (files)
			signature_directory_list_free(files, (size_t)n);
		snprintf(error, SIGNATURE_ERROR_TEXT, "out of memory");
		return FAIL_MEMORY;
	}
	*ret = files;
	*ret_n = (size_t)n;
	return 0;
}

int signature_loader_directory(struct signature_loader *l, const char *path)
{
	char **files, error[SIGNATURE_ERROR_TEXT];
	size_t n;
	int fail = signature_loader_layer(l);
	if (fail)
		return fail;
	fail = signature_directory_list(path, &files, &n, error);
	if (fail) {
		if (!l->error[0])
			memcpy(l->error, error, sizeof l->error);
		return fail;
	}
	for (size_t i = 0; !fail && i < n; i++)
		fail = signature_loader_file(l, files[i]);
	signature_directory_list_free(files, n);
	return fail;
}

int signature_set_load(const char *const directories[], size_t n, struct signature_set **ret,
		       char error[SIGNATURE_ERROR_TEXT])
{
	struct signature_loader l;
	int fail = 0;
	signature_loader_init(&l);
	if (n == 0)
		fail = signature_loader_fail(&l, FAIL_CONFIG, NULL, "no signature directory is named");
	for (size_t i = 0; !fail && i < n; i++)
		fail = signature_loader_directory(&l, directories[i]);
	if (!fail)
		fail = signature_loader_finish(&l, true, ret);
	memcpy(error, l.error, SIGNATURE_ERROR_TEXT);
	signature_loader_done(&l);
	return fail;
}
