#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/tool.h"

static const struct command commands[] = {
	{"genkey", "print a new private key", genkey_help, genkey_run},
	{"genpsk", "print a new pre-shared key", genpsk_help, genpsk_run},
	{"pubkey", "print the public key of a private key", pubkey_help, pubkey_run},
	{"version", "print the version", version_help, version_run},
	{0},
};

int main(int argc, char **argv) {
	const struct streams streams = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
	int status = tool_run(commands, &streams, argc, argv);
	/* Some file systems report a full disk only now. It may have been closed from the start. */
	if (status == STATUS_OK && close(STDOUT_FILENO) && errno != EBADF) {
		output_message(&streams, "cannot write the output: %s", strerror(errno));
		status = STATUS_FAILED;
	}
	return status;
}
