#include "base/text.h"
#include "base/wipe.h"
#include "cli/commands.h"
#include "cli/key_input.h"
#include "cli/tool.h"
#include "crypto/x25519.h"

const char pubkey_help[] =
	"Reads a private key in base64 from standard input and prints its public key.\n"
	"\n"
	"  umbra pubkey < private.key\n";

int pubkey_run(const struct streams *streams, int count, char **arguments) {
	int status = tool_expect_no_arguments(streams, "pubkey", count, arguments);
	if (status != STATUS_OK)
		return status;
	struct {
		uint8_t private_key[TEXT_KEY_SIZE];
	} s;
	WIPE_ON_EXIT(s);
	status = key_input_read(streams, "pubkey", streams->input, "standard input", s.private_key);
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
