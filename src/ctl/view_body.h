#pragma once

#include "ctl/view.h"
#include "ctl/view_json.h"

/*
 * Bodies of requests. Unlike answers they are strict: what is asked for is done whole or not, and
 * out_problem says which member is wrong and what would be right.
 */

/* From now on jansson wipes what it frees: before the first secret. */
void view_body_guard(void);
/* An object without members but those of the names, which end with NULL; the caller's. */
enum err view_body_parse(const char *text, size_t size, const char *const *names,
						 json_t **out_object, char out_problem[static VIEW_PROBLEM_SIZE]);
/* What the reader found, for whoever wrote the body. */
enum err view_body_refuse(const struct view_reader *reader,
						  char out_problem[static VIEW_PROBLEM_SIZE]);
