#pragma once

#include <stdint.h>

#include "base/text.h"
#include "cli/output.h"

/*
 * Reads one key in base64, with or without a line end behind it, and nothing else. Returns an exit
 * code, after a message that begins with the command's name and never repeats any of the key.
 * place is how the message calls the input: "standard input".
 */
[[nodiscard]] int key_input_read(const struct streams *streams, const char *command, int descriptor,
								 const char *place, uint8_t out_key[static TEXT_KEY_SIZE]);

/* The same from a file, "-" for streams->input. */
[[nodiscard]] int key_input_read_file(const struct streams *streams, const char *command,
									  const char *path, uint8_t out_key[static TEXT_KEY_SIZE]);
