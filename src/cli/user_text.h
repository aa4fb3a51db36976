#pragma once

#include <stddef.h>
#include <stdint.h>

/* Users for people; now in seconds since the Unix epoch. */

struct text_buffer;
struct view_user;

/* A line each, under headings. */
void user_text_list(struct text_buffer *text, const struct view_user *users, size_t count,
					uint64_t now);
/* All of one. */
void user_text_show(struct text_buffer *text, const struct view_user *user, uint64_t now);
/* Why the user may not log in, however right the credentials: "is disabled", "has expired"; NULL:
 * may. */
const char *user_text_hindrance(const struct view_user *user, uint64_t now);
/* "admins, staff"; nothing without groups. */
void user_text_groups(struct text_buffer *text, const struct view_user *user);
