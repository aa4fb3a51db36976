#include "cli/key_input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/wipe.h"

enum {
	KEY_CHARACTERS = TEXT_KEY_BASE64_SIZE - 1,
	/* Room for CR and LF, and for one byte more, which tells that there is more. */
	INPUT_SIZE = KEY_CHARACTERS + 3,
};

/* Reads until the input ends or the buffer is full; -1 with errno when reading fails. */
static ssize_t read_input(int descriptor, char data[static INPUT_SIZE]) {
	size_t used = 0;
	while (used < INPUT_SIZE) {
		ssize_t size = read(descriptor, data + used, INPUT_SIZE - used);
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return -1;
		if (size == 0)
			break;
		used += (size_t)size;
	}
	return (ssize_t)used;
}

static size_t without_line_end(const char *data, size_t size) {
	if (size > 0 && data[size - 1] == '\n')
		size--;
	else
		return size;
	return size > 0 && data[size - 1] == '\r' ? size - 1 : size;
}

/* Says what is wrong with the key, without repeating any of it. */
static int parse_key(const struct streams *streams, const char *command, const char *place,
					 const char *text, size_t size, uint8_t out_key[static TEXT_KEY_SIZE]) {
	if (size == 0)
		output_message(streams, "%s: there is no key on %s", command, place);
	else if (size < KEY_CHARACTERS)
		output_message(streams, "%s: the key ends after %zu characters; a key has %d", command,
					   size, KEY_CHARACTERS);
	else if (size > KEY_CHARACTERS)
		output_message(streams, "%s: there is something behind the key's %d characters", command,
					   KEY_CHARACTERS);
	else if (text_key_decode(text, size, out_key))
		output_message(streams, "%s: the key is not the base64 of 32 bytes", command);
	else
		return STATUS_OK;
	return STATUS_FAILED;
}

int key_input_read(const struct streams *streams, const char *command, int descriptor,
				   const char *place, uint8_t out_key[static TEXT_KEY_SIZE]) {
	struct {
		char text[INPUT_SIZE];
	} s;
	WIPE_ON_EXIT(s);
	ssize_t size = read_input(descriptor, s.text);
	if (size < 0) {
		output_message(streams, "%s: cannot read %s: %s", command, place, strerror(errno));
		return STATUS_FAILED;
	}
	return parse_key(streams, command, place, s.text, without_line_end(s.text, (size_t)size),
					 out_key);
}

int key_input_read_file(const struct streams *streams, const char *command, const char *path,
						uint8_t out_key[static TEXT_KEY_SIZE]) {
	if (strcmp(path, "-") == 0)
		return key_input_read(streams, command, streams->input, "standard input", out_key);
	auto_close int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	if (descriptor < 0) {
		output_message(streams, "%s: cannot open %s: %s", command, path, strerror(errno));
		return STATUS_FAILED;
	}
	return key_input_read(streams, command, descriptor, path, out_key);
}
