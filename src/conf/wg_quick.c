#include "conf/wg_quick.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "conf/wg_quick_reader.h"

enum err wg_quick_reader_fail(struct wg_quick_reader *reader, unsigned line, const char *format,
							  ...) {
	int used = snprintf(reader->error, WG_QUICK_ERROR_SIZE, "line %u: ", line);
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(reader->error + used, WG_QUICK_ERROR_SIZE - (size_t)used, format, arguments);
	va_end(arguments);
	return ERR_INVALID;
}

void wg_quick_reader_note(struct wg_quick_reader *reader, unsigned line, const char *format, ...) {
	struct wg_quick *file = reader->file;
	if (file->note_count == WG_QUICK_NOTES_MAX) {
		struct wg_quick_note *last = &file->notes[WG_QUICK_NOTES_MAX - 1];
		(void)snprintf(last->text, sizeof last->text, "and more remarks from here on, left out");
		return;
	}
	struct wg_quick_note *note = &file->notes[file->note_count++];
	note->line = line;
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(note->text, sizeof note->text, format, arguments);
	va_end(arguments);
}

const char *wg_quick_reader_text(struct wg_quick_reader *reader, struct wg_quick_span span) {
	struct wg_quick_memory *memory = reader->memory;
	char *text = memory->texts + memory->texts_used;
	memcpy(text, span.data, span.size);
	text[span.size] = '\0';
	memory->texts_used += span.size + 1;
	return text;
}

static void free_memory(struct wg_quick_memory *memory) {
	if (!memory)
		return;
	if (memory->peers)
		wipe(memory->peers, memory->peer_capacity * sizeof memory->peers[0]);
	free(memory->peers);
	free(memory->allowed_ips);
	free(memory->addresses);
	free(memory->texts);
	free(memory);
}

void wg_quick_done(struct wg_quick *file) {
	if (!file)
		return;
	free_memory(file->memory);
	wipe(file, sizeof *file);
}

/* At most as many peers as lines that begin with a bracket. */
static size_t count_sections(const char *text, size_t size) {
	size_t count = 0;
	for (const char *end = text + size; text < end;) {
		const char *bracket = memchr(text, '[', (size_t)(end - text));
		if (!bracket)
			break;
		count++;
		const char *newline = memchr(bracket, '\n', (size_t)(end - bracket));
		if (!newline)
			break;
		text = newline + 1;
	}
	return count;
}

static enum err allocate(struct wg_quick_reader *reader, const char *text, size_t size) {
	struct wg_quick_memory *memory = calloc(1, sizeof *memory);
	if (!memory)
		return ERR_NO_MEMORY;
	reader->memory = memory;
	size_t sections = count_sections(text, size);
	memory->peer_capacity = sections < WG_QUICK_PEERS_MAX ? sections : WG_QUICK_PEERS_MAX;
	memory->peers = calloc(memory->peer_capacity + 1, sizeof memory->peers[0]);
	/* A name or host in the file has a "#" or "=" before it, which leaves room for its NUL. */
	memory->texts = malloc(size + sections * (WG_QUICK_KEY_NAME + 1) + 1);
	return memory->peers && memory->texts ? ERR_OK : ERR_NO_MEMORY;
}

static enum err begin_interface(struct wg_quick_reader *reader) {
	if (reader->interface_line)
		return wg_quick_reader_fail(reader, reader->line,
									"a second [Interface]; the first one is in line %u",
									reader->interface_line);
	reader->interface_line = reader->line;
	reader->section = WG_QUICK_INTERFACE;
	return ERR_OK;
}

static enum err begin_peer(struct wg_quick_reader *reader) {
	struct config_tunnel *tunnel = &reader->file->tunnel;
	if (tunnel->peer_count == reader->memory->peer_capacity)
		return wg_quick_reader_fail(reader, reader->line, "more than %d peers", WG_QUICK_PEERS_MAX);
	reader->peer = &reader->memory->peers[tunnel->peer_count++];
	reader->peer->position.line = reader->line;
	reader->section = WG_QUICK_PEER;
	wg_quick_name_peer_begins(reader);
	return ERR_OK;
}

static enum err end_section(struct wg_quick_reader *reader) {
	if (reader->section == WG_QUICK_PEER &&
		wipe_is_zero(reader->peer->public_key, sizeof reader->peer->public_key))
		return wg_quick_reader_fail(reader, reader->section_line, "this [Peer] has no PublicKey");
	memset(reader->key_lines, 0, sizeof reader->key_lines);
	return ERR_OK;
}

static enum err read_section(struct wg_quick_reader *reader, struct wg_quick_span line) {
	enum err error = end_section(reader);
	if (error)
		return error;
	reader->section_line = reader->line;
	struct wg_quick_span name = {line.data + 1, line.size - 1};
	if (name.size > 0 && name.data[name.size - 1] == ']') {
		name.size--;
		name = wg_quick_value_trim(name);
		if (wg_quick_value_is(name, "Interface"))
			return begin_interface(reader);
		if (wg_quick_value_is(name, "Peer"))
			return begin_peer(reader);
	}
	return wg_quick_reader_fail(reader, reader->line,
								"an unknown section; there are [Interface] and [Peer]");
}

static enum err read_line(struct wg_quick_reader *reader, struct wg_quick_span line) {
	if (memchr(line.data, '\0', line.size))
		return wg_quick_reader_fail(reader, reader->line, "a NUL byte; this is no text in UTF-8");
	struct wg_quick_span comment = {0};
	const char *hash = memchr(line.data, '#', line.size);
	if (hash) {
		comment = (struct wg_quick_span){hash, line.size - (size_t)(hash - line.data)};
		line.size -= comment.size;
	}
	line = wg_quick_value_trim(line);
	if (line.size == 0) {
		if (hash)
			wg_quick_name_comment(reader, comment);
		else
			wg_quick_name_blank_line(reader);
		return ERR_OK;
	}
	if (line.data[0] != '[') {
		wg_quick_name_key_line(reader);
		return wg_quick_key_read(reader, line);
	}
	enum err error = read_section(reader, line);
	if (!error && hash)
		wg_quick_name_comment(reader, comment);
	return error;
}

static enum err read_lines(struct wg_quick_reader *reader, const char *text, size_t size) {
	static const char mark[] = "\xef\xbb\xbf"; /* some editors put U+FEFF in front */
	size_t mark_size = sizeof mark - 1;
	if (size >= mark_size && memcmp(text, mark, mark_size) == 0) {
		text += mark_size;
		size -= mark_size;
	}
	while (size > 0) {
		const char *newline = memchr(text, '\n', size);
		struct wg_quick_span line = {text, newline ? (size_t)(newline - text) : size};
		reader->line++;
		enum err error = read_line(reader, line);
		if (error)
			return error;
		size_t step = newline ? line.size + 1 : line.size;
		text += step;
		size -= step;
	}
	enum err error = end_section(reader);
	if (error)
		return error;
	if (!reader->interface_line)
		return wg_quick_reader_fail(reader, reader->line ? reader->line : 1,
									"the file ends without an [Interface] section");
	return wg_quick_check(reader);
}

/* What a configuration has where the file says nothing. */
static void set_defaults(struct config_tunnel *tunnel) {
	tunnel->protocol = config_default_protocol();
	tunnel->autostart = true;
	tunnel->listen.address.family = ADDRESS_V6;
	tunnel->mtu.automatic = true;
	tunnel->fwmark.automatic = true;
	tunnel->routes.from_peers = true;
	tunnel->routes.table.automatic = true;
	tunnel->dns.leak_protection_absent = true;
}

enum err wg_quick_parse(const char *text, size_t size, struct wg_quick *out_file,
						char out_error[static WG_QUICK_ERROR_SIZE]) {
	struct wg_quick file = {0};
	char message[WG_QUICK_ERROR_SIZE] = "out of memory";
	struct wg_quick_reader reader = {.file = &file, .error = message};
	enum err error;
	WIPE_ON_EXIT(file);
	set_defaults(&file.tunnel);
	if (size > WG_QUICK_SIZE_MAX)
		error = wg_quick_reader_fail(&reader, 1, "the file is larger than %d MiB",
									 WG_QUICK_SIZE_MAX >> 20);
	else
		error = allocate(&reader, text, size);
	if (!error)
		error = read_lines(&reader, text, size);
	free(reader.claims);
	if (error) {
		free_memory(reader.memory);
		memcpy(out_error, message, sizeof message);
		return error;
	}
	file.tunnel.peers = reader.memory->peers;
	file.memory = reader.memory;
	*out_file = file;
	return ERR_OK;
}
