#include "cli/user_text.h"

#include <string.h>

#include "base/address.h"
#include "cli/quantity.h"
#include "cli/text_buffer.h"
#include "ctl/view_user.h"

enum { LABEL_WIDTH = 12 };

/* Whether it could log in, with the right credentials. */
static const char *state_of(const struct view_user *user, uint64_t now) {
	if (user->disabled)
		return "disabled";
	if (user->expires && now >= user->expires)
		return "expired";
	return user->quota && user->used >= user->quota ? "used up" : "active";
}

const char *user_text_hindrance(const struct view_user *user, uint64_t now) {
	if (user->disabled)
		return "is disabled";
	if (user->expires && now >= user->expires)
		return "has expired";
	return user->quota && user->used >= user->quota ? "has used up the quota" : NULL;
}

void user_text_groups(struct text_buffer *text, const struct view_user *user) {
	auto_text_buffer struct text_buffer groups = {0};
	for (const char *next = user->groups; next && *next; next++)
		text_buffer_add(&groups, *next == '\n' ? ", " : "%c", *next);
	if (groups.text)
		text_buffer_add_clean(text, groups.text);
	text->failed = text->failed || groups.failed;
}

static void add_groups(struct text_buffer *text, const struct view_user *user) {
	if (user->groups)
		user_text_groups(text, user);
	else
		text_buffer_add(text, "none");
}

static void add_bytes(struct text_buffer *text, uint64_t bytes, const char *behind) {
	char word[QUANTITY_SIZE];
	quantity_bytes(bytes, word);
	text_buffer_add(text, "%s%s", word, behind);
}

static void add_date(struct text_buffer *text, uint64_t seconds) {
	char word[QUANTITY_SIZE];
	if (seconds)
		quantity_date(seconds, word);
	text_buffer_add(text, "%s", seconds ? word : "never");
}

static void add_ago(struct text_buffer *text, uint64_t now, uint64_t seconds) {
	char word[QUANTITY_SIZE];
	quantity_ago(now, seconds, word);
	text_buffer_add(text, "%s", word);
}

enum { NAME, STATE, USED, QUOTA, RATE, DEVICES, EXPIRES, SEEN, GROUPS /* the last */, COLUMNS };

static void add_cell(struct text_buffer *text, const struct view_user *user, int column,
					 uint64_t now) {
	switch (column) {
	case NAME:
		text_buffer_add_clean(text, user->name);
		break;
	case STATE:
		text_buffer_add(text, "%s", state_of(user, now));
		break;
	case USED:
		add_bytes(text, user->used, "");
		break;
	case QUOTA:
		if (user->quota)
			add_bytes(text, user->quota, "");
		else
			text_buffer_add(text, "none");
		break;
	case RATE:
		if (user->rate)
			add_bytes(text, user->rate, "/s");
		else
			text_buffer_add(text, "none");
		break;
	case DEVICES:
		text_buffer_add(text, "%u", user->devices);
		break;
	case EXPIRES:
		add_date(text, user->expires);
		break;
	case SEEN:
		add_ago(text, now, user->seen);
		break;
	default:
		add_groups(text, user);
	}
}

/* The cell alone, in a buffer that is used again; never NULL. */
static const char *make_cell(struct text_buffer *cell, const struct view_user *user, int column,
							 uint64_t now) {
	cell->size = 0;
	if (cell->text)
		cell->text[0] = '\0';
	add_cell(cell, user, column, now);
	return cell->text ? cell->text : "";
}

void user_text_list(struct text_buffer *text, const struct view_user *users, size_t count,
					uint64_t now) {
	static const char *const headings[] = {"NAME",    "STATE",   "USED", "QUOTA", "RATE",
										   "DEVICES", "EXPIRES", "SEEN", "GROUPS"};
	size_t widths[COLUMNS];
	auto_text_buffer struct text_buffer cell = {0};
	for (int column = 0; column < GROUPS; column++) {
		widths[column] = strlen(headings[column]);
		for (size_t i = 0; i < count; i++) {
			size_t width = text_buffer_width(make_cell(&cell, &users[i], column, now));
			widths[column] = width > widths[column] ? width : widths[column];
		}
		text_buffer_add(text, "%-*s  ", (int)widths[column], headings[column]);
	}
	text_buffer_add(text, "%s\n", headings[GROUPS]);
	for (size_t i = 0; i < count; i++) {
		for (int column = 0; column < GROUPS; column++) {
			const char *word = make_cell(&cell, &users[i], column, now);
			text_buffer_add(text, "%s%*s", word,
							(int)(widths[column] - text_buffer_width(word)) + 2, "");
		}
		text_buffer_add(text, "%s\n", make_cell(&cell, &users[i], GROUPS, now));
	}
	text->failed = text->failed || cell.failed;
}

static void add_label(struct text_buffer *text, const char *label) {
	text_buffer_add(text, "  %-*s", LABEL_WIDTH, label);
}

static void add_lease(struct text_buffer *text, const struct view_lease *lease, bool first,
					  uint64_t now) {
	add_label(text, first ? "addresses" : "");
	for (size_t i = 0; i < lease->address_count; i++) {
		char word[ADDRESS_TEXT_SIZE];
		address_format(&lease->addresses[i], word);
		text_buffer_add(text, "%s%s", i > 0 ? ", " : "", word);
	}
	text_buffer_add(text, lease->address_count ? " of " : "none of ");
	text_buffer_add_clean(text, lease->tunnel);
	text_buffer_add(text, " as ");
	text_buffer_add_clean(text, lease->peer);
	text_buffer_add(text, ", used ");
	add_ago(text, now, lease->used);
	text_buffer_add(text, "\n");
}

void user_text_show(struct text_buffer *text, const struct view_user *user, uint64_t now) {
	text_buffer_add(text, "user ");
	text_buffer_add_clean(text, user->name);
	text_buffer_add(text, ": %s\n", state_of(user, now));
	add_label(text, "password");
	text_buffer_add(text, "%s\n", user->has_password ? "yes" : "none");
	add_label(text, "groups");
	add_groups(text, user);
	text_buffer_add(text, "\n");
	add_label(text, "expires");
	add_date(text, user->expires);
	text_buffer_add(text, "\n");
	add_label(text, "used");
	add_bytes(text, user->used, user->quota ? " of " : "\n");
	if (user->quota)
		add_bytes(text, user->quota, "\n");
	add_label(text, "rate");
	if (user->rate)
		add_bytes(text, user->rate, "/s each way\n");
	else
		text_buffer_add(text, "none\n");
	add_label(text, "devices");
	text_buffer_add(text, "%u\n", user->devices);
	add_label(text, "created");
	add_date(text, user->created);
	text_buffer_add(text, "\n");
	add_label(text, "seen");
	add_ago(text, now, user->seen);
	text_buffer_add(text, "\n");
	for (size_t i = 0; i < user->lease_count; i++)
		add_lease(text, &user->leases[i], i == 0, now);
}
