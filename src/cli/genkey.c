#include "base/text.h"
#include "base/wipe.h"
#include "cli/commands.h"
#include "cli/tool.h"
#include "crypto/csprng.h"
#include "crypto/x25519.h"

const char genkey_help[] =
	"Prints a new private key in base64. Keep it secret: whoever has it is that peer.\n"
	"\n"
	"  umask 077; umbra genkey | tee private.key | umbra pubkey > public.key\n";

int genkey_run(const struct streams *streams, int count, char **arguments) {
	int status = tool_expect_no_arguments(streams, "genkey", count, arguments);
	if (status != STATUS_OK)
		return status;
	struct {
		uint8_t key[X25519_KEY_SIZE];
		char line[TEXT_KEY_BASE64_SIZE];
	} s;
	WIPE_ON_EXIT(s);
	output_warn_if_public(streams);
	x25519_generate(&csprng, s.key);
	text_key_encode(s.key, s.line);
	s.line[sizeof s.line - 1] = '\n';
	return output_data(streams, s.line, sizeof s.line);
}
