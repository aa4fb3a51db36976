#include <errno.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/text.h"
#include "base/wipe.h"
#include "cli/commands.h"
#include "cli/tool.h"
#include "crypto/x25519.h"

const char pubkey_help[] =
	"Reads a private key in base64 from standard input and prints its public key.\n"
	"\n"
	"  umbra pubkey < private.key\n";

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
static int parse_key(const struct streams *streams, const char *text, size_t size,
					 uint8_t out_key[static TEXT_KEY_SIZE]) {
	if (size == 0)
		output_message(streams, "pubkey: there is no key on standard input");
	else if (size < KEY_CHARACTERS)
		output_message(streams, "pubkey: the key ends after %zu characters; a key has %d", size,
					   KEY_CHARACTERS);
	else if (size > KEY_CHARACTERS)
		output_message(streams, "pubkey: there is something behind the key's %d characters",
					   KEY_CHARACTERS);
	else if (text_key_decode(text, size, out_key))
		output_message(streams, "pubkey: the key is not the base64 of 32 bytes");
	else
		return STATUS_OK;
	return STATUS_FAILED;
}

int pubkey_run(const struct streams *streams, int count, char **arguments) {
	int status = tool_expect_no_arguments(streams, "pubkey", count, arguments);
	if (status != STATUS_OK)
		return status;
	struct {
		char text[INPUT_SIZE];
		uint8_t private_key[TEXT_KEY_SIZE];
	} s;
	WIPE_ON_EXIT(s);
	ssize_t size = read_input(streams->input, s.text);
	if (size < 0) {
		output_message(streams, "pubkey: cannot read standard input: %s", strerror(errno));
		return STATUS_FAILED;
	}
	status = parse_key(streams, s.text, without_line_end(s.text, (size_t)size), s.private_key);
	if (status != STATUS_OK)
		return status;
	uint8_t public_key[X25519_KEY_SIZE];
	enum err error = x25519_public(s.private_key, public_key);
	if (error) {
		output_message(streams, "pubkey: %s", err_text(error));
		return STATUS_FAILED;
	}
	char line[TEXT_KEY_BASE64_SIZE];
	text_key_encode(public_key, line);
	line[sizeof line - 1] = '\n';
	return output_data(streams, line, sizeof line);
}
