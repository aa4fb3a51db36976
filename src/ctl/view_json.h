#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/text.h"

/*
 * What view_*.c write and read JSON with. Writers and readers keep the first failure, so that an
 * object's members stand one a line and failure is asked for once.
 */

enum {
	VIEW_JSON_MAX = 64 << 20,   /* bytes of a text that is read: some 150,000 peers */
	VIEW_TEXT_MAX = 64 << 10,   /* bytes of a text inside */
	VIEW_PREFIXES_MAX = 1 << 16 /* items of a list of prefixes or addresses */
};

/* A growing text with a NUL behind its end; wiped when it moves, as keys pass through it. */
struct view_text {
	char *data;
	size_t size, capacity;
	bool failed; /* sticky: no memory */
};

void view_text_done(struct view_text *text); /* wipes */
void view_text_add(struct view_text *text, const char *data, size_t size);
/* The text is the caller's afterwards; ERR_NO_MEMORY when anything of it failed. */
enum err view_text_take(struct view_text *text, char **out_text, size_t *out_size);

/* Members are put into the object in the order of the calls. */
struct view_writer {
	json_t *object;
	bool failed; /* sticky: no memory */
};

struct view_writer view_writer_new(void);
/* Appends the object and frees it; without its closing brace when more members follow. */
void view_writer_end(struct view_writer *writer, struct view_text *text, bool more);

void view_put(struct view_writer *writer, const char *member, json_t *value);
/* An object that was filled, which is the writer's then; without memory the whole fails. */
void view_put_object(struct view_writer *writer, const char *member,
					 const struct view_writer *inner);
/* NULL becomes null. Bytes that are not UTF-8 become question marks. */
void view_put_text(struct view_writer *writer, const char *member, const char *text);
void view_put_number(struct view_writer *writer, const char *member, uint64_t number);
/* null for 0. */
void view_put_number_or_null(struct view_writer *writer, const char *member, uint64_t number);
void view_put_bool(struct view_writer *writer, const char *member, bool value);
void view_put_key(struct view_writer *writer, const char *member,
				  const uint8_t key[static TEXT_KEY_SIZE]);
void view_put_prefixes(struct view_writer *writer, const char *member, const struct prefix *items,
					   size_t count);

void view_put_addresses(struct view_writer *writer, const char *member, const struct address *items,
						size_t count);

/* The text's lines as a list; NULL: an empty one. */
void view_put_lines(struct view_writer *writer, const char *member, const char *text);

/* Reads members of an object; absent and null are the same. */
struct view_reader {
	const json_t *object;
	enum err error;     /* sticky: ERR_MALFORMED, ERR_NO_MEMORY */
	const char *member; /* the one that was wrong first */
	const char *right;  /* what would be right */
};

/* Before the first use, so that jansson needs no file for what its tables are shuffled with. */
void view_json_seed(void);

/* Parses a text that is one object; the caller's json_decref(). ERR_MALFORMED, ERR_LIMIT. */
enum err view_json_parse(const char *text, size_t size, json_t **out_object);
/* The reader of an object, or one that has failed when it is none. */
struct view_reader view_reader_of(const json_t *object);
void view_fail(struct view_reader *reader, const char *member, const char *right);

/* The caller's; NULL when absent. required: absent is wrong. */
char *view_get_text(struct view_reader *reader, const char *member, size_t maximum, bool required);
/* 0 when absent. */
uint64_t view_get_number(struct view_reader *reader, const char *member, uint64_t maximum);
bool view_get_bool(struct view_reader *reader, const char *member);
/* The index in names that the member's text has; absent is wrong. */
unsigned view_get_word(struct view_reader *reader, const char *member,
					   const char *(*name)(unsigned index), unsigned count);
/* Whether there is one. */
bool view_get_key(struct view_reader *reader, const char *member,
				  uint8_t out_key[static TEXT_KEY_SIZE], bool required);
/* The caller's; NULL and 0 when absent or empty. masked: host bits are cleared. */
struct prefix *view_get_prefixes(struct view_reader *reader, const char *member, bool masked,
								 size_t *out_count);
/* The caller's; NULL and 0 when absent or empty. */
struct address *view_get_addresses(struct view_reader *reader, const char *member,
								   size_t *out_count);
/*
 * A list of texts as lines of one, the caller's; NULL when absent or empty. None of the texts may
 * be empty or have control characters, and all together have at most maximum bytes.
 */
char *view_get_lines(struct view_reader *reader, const char *member, size_t maximum,
					 const char *right);
/* An array of the member or NULL when absent; it stays the object's. */
const json_t *view_get_array(struct view_reader *reader, const char *member, size_t maximum);
