#include "base/text.h"
#include "base/wipe.h"
#include "cli/commands.h"
#include "cli/tool.h"
#include "crypto/csprng.h"

const char genpsk_help[] =
	"Prints a new pre-shared key in base64, for two peers who both keep it secret.\n"
	"\n"
	"  umask 077; umbra genpsk > preshared.key\n";

int genpsk_run(const struct streams *streams, int count, char **arguments) {
	int status = tool_expect_no_arguments(streams, "genpsk", count, arguments);
	if (status != STATUS_OK)
		return status;
	struct {
		uint8_t key[TEXT_KEY_SIZE];
		char line[TEXT_KEY_BASE64_SIZE];
	} s;
	WIPE_ON_EXIT(s);
	output_warn_if_public(streams);
	random_fill(&csprng, s.key, sizeof s.key);
	text_key_encode(s.key, s.line);
	s.line[sizeof s.line - 1] = '\n';
	return output_data(streams, s.line, sizeof s.line);
}
