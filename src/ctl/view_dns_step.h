#pragma once

#include "ctl/view.h"
#include "ctl/view_json.h"

/* The member "dns_step" of a status. */
void view_dns_step_put(struct view_writer *writer, const struct view_dns_step *step);
void view_dns_step_get(struct view_reader *reader, struct view_dns_step *out_step);
