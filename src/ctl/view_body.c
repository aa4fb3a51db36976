#include "ctl/view_body.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"

static void wipe_and_free(void *memory) {
	if (memory)
		wipe(memory, malloc_usable_size(memory));
	free(memory);
}

/* All memory of jansson is malloc()'s. */
void view_body_guard(void) {
	json_set_alloc_funcs(malloc, wipe_and_free);
}

/* The first member that is not one of the names, which end with NULL. */
static const char *unknown_member(json_t *object, const char *const *names) {
	const char *member;
	json_t *value;
	json_object_foreach(object, member, value) {
		size_t i = 0;
		while (names[i] && strcmp(names[i], member) != 0)
			i++;
		if (!names[i])
			return member;
	}
	return NULL;
}

enum err view_body_parse(const char *text, size_t size, const char *const *names,
						 json_t **out_object, char out_problem[static VIEW_PROBLEM_SIZE]) {
	json_t *object;
	enum err error = view_json_parse(text, size, &object);
	if (error) {
		(void)snprintf(out_problem, VIEW_PROBLEM_SIZE, "the body is not an object in JSON");
		return error;
	}
	const char *unknown = unknown_member(object, names);
	if (!unknown) {
		*out_object = object;
		return ERR_OK;
	}
	(void)snprintf(out_problem, VIEW_PROBLEM_SIZE, "%.64s: there is no such member", unknown);
	json_decref(object);
	return ERR_INVALID;
}

enum err view_body_refuse(const struct view_reader *r, char out_problem[static VIEW_PROBLEM_SIZE]) {
	if (r->error != ERR_MALFORMED) {
		(void)snprintf(out_problem, VIEW_PROBLEM_SIZE, "%s", err_text(r->error));
		return r->error;
	}
	(void)snprintf(out_problem, VIEW_PROBLEM_SIZE, "%s: must be %s", r->member, r->right);
	return ERR_INVALID;
}
