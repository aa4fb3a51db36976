#pragma once

#include "ctl/view.h"
#include "ctl/view_json.h"

/* The figures of a tunnel's data path as a part of other objects. */

/* "data_path": null for NULL. */
void view_data_path_put(struct view_writer *writer, const struct view_data_path *path);
/* NULL when the member is absent; failures stay in the reader. */
struct view_data_path *view_data_path_get(struct view_reader *reader);
