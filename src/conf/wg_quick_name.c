#include <string.h>

#include "conf/value.h"
#include "conf/wg_quick_reader.h"

/*
 * Peers have no names in these files, but people and programs put them into comments:
 *
 *   ### Client phone            # Name = phone             [Peer] # phone
 *   [Peer]                      [Peer]                     # friendly_name = phone
 *
 * What we write ourselves says in one, too, that the other end is an Umbra: "# Umbra = true".
 */

static struct wg_quick_span skip(struct wg_quick_span span, size_t count) {
	return (struct wg_quick_span){span.data + count, span.size - count};
}

/* "Name = phone", "Name: phone" → "phone". */
static bool take_name_key(struct wg_quick_span *comment) {
	static const char *const words[] = {"friendly_name", "name"};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (!wg_quick_value_begins(*comment, words[i]))
			continue;
		struct wg_quick_span rest = wg_quick_value_trim(skip(*comment, strlen(words[i])));
		if (rest.size == 0 || (rest.data[0] != '=' && rest.data[0] != ':'))
			continue;
		*comment = wg_quick_value_trim(skip(rest, 1));
		return true;
	}
	return false;
}

/* "Client phone", "Client: phone", "begin phone" → "phone"; false: this ends something. */
static bool drop_kind_word(struct wg_quick_span *comment) {
	static const char *const words[] = {"client", "peer", "begin", "device", "user"};
	if (wg_quick_value_begins(*comment, "end ") || wg_quick_value_is(*comment, "end"))
		return false;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (!wg_quick_value_begins(*comment, words[i]))
			continue;
		struct wg_quick_span rest = skip(*comment, strlen(words[i]));
		if (rest.size == 0 || (rest.data[0] != ':' && rest.data[0] != ' '))
			continue;
		rest = wg_quick_value_trim(skip(rest, 1));
		if (rest.size > 0)
			*comment = rest;
		return true;
	}
	return true;
}

/* Something that can be read out: a line of dashes is none. */
static bool has_letters(struct wg_quick_span name) {
	for (size_t i = 0; i < name.size; i++) {
		unsigned char character = (unsigned char)name.data[i];
		if ((character >= '0' && character <= '9') || (character >= 'A' && character <= 'Z') ||
			(character >= 'a' && character <= 'z') || character >= 0x80)
			return true;
	}
	return false;
}

bool wg_quick_name_is_good(struct wg_quick_span name) {
	char text[4 * CONFIG_LABEL_MAX + 1]; /* UTF-8 takes up to four bytes */
	if (name.size >= sizeof text || wg_quick_value_trim(name).size != name.size ||
		!has_letters(name))
		return false;
	memcpy(text, name.data, name.size);
	text[name.size] = '\0';
	return value_is_label(text);
}

static void name_peer(struct wg_quick_reader *reader) {
	if (!reader->peer->name || (reader->comment_is_name && !reader->peer_named)) {
		reader->peer->name = wg_quick_reader_text(reader, reader->comment);
		reader->peer_named = reader->comment_is_name;
	}
}

static void forget(struct wg_quick_reader *reader) {
	reader->comment.size = 0;
	reader->comment_is_name = reader->comment_adjacent = false;
}

void wg_quick_name_comment(struct wg_quick_reader *reader, struct wg_quick_span comment) {
	bool banner = comment.size > 1 && comment.data[1] == '#';
	while (comment.size > 0 && comment.data[0] == '#')
		comment = skip(comment, 1);
	comment = wg_quick_value_trim(comment);
	if (wg_quick_value_is(comment, "Umbra = true")) {
		if (reader->section == WG_QUICK_PEER && reader->peer)
			reader->peer->umbra = true;
		return;
	}
	bool is_name = take_name_key(&comment);
	if (!is_name) {
		while (banner && comment.size > 0 && comment.data[comment.size - 1] == '#')
			comment.size--;
		comment = wg_quick_value_trim(comment);
		/* A line that somebody switched off; it may even hold a key. */
		if (!drop_kind_word(&comment) ||
			(comment.size > 0 && memchr(comment.data, '=', comment.size)))
			return;
	}
	if (!wg_quick_name_is_good(comment))
		return;
	/* Of a block of comments the first one names, unless a later one says so. */
	if (reader->comment.size > 0 && reader->comment_adjacent &&
		(reader->comment_is_name || !is_name))
		return;
	reader->comment = comment;
	reader->comment_is_name = is_name;
	reader->comment_adjacent = true;
}

void wg_quick_name_blank_line(struct wg_quick_reader *reader) {
	reader->comment_adjacent = false;
}

void wg_quick_name_peer_begins(struct wg_quick_reader *reader) {
	reader->peer_named = false;
	if (reader->comment.size > 0 && reader->comment_adjacent)
		name_peer(reader);
	forget(reader);
}

void wg_quick_name_key_line(struct wg_quick_reader *reader) {
	if (reader->comment.size > 0 && reader->section == WG_QUICK_PEER)
		name_peer(reader);
	forget(reader);
}

void wg_quick_name_of_key(const uint8_t key[static TEXT_KEY_SIZE],
						  char out_name[static WG_QUICK_KEY_NAME + 1]) {
	char text[TEXT_KEY_BASE64_SIZE];
	text_key_encode(key, text);
	memcpy(out_name, text, WG_QUICK_KEY_NAME);
	out_name[WG_QUICK_KEY_NAME] = '\0';
}
