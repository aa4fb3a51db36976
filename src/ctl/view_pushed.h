#pragma once

#include "ctl/view.h"
#include "ctl/view_json.h"

/* What its server gives a tunnel's interface, as its member "pushed"; null where there is none. */

void view_pushed_put(struct view_writer *writer, const struct view_pushed *pushed);
/* The caller's, NULL where there is none. Failures stay in the reader. */
struct view_pushed *view_pushed_get(struct view_reader *reader);
