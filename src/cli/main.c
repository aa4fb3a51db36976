#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/tool.h"

int main(int argc, char **argv) {
	const struct streams streams = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
	int status = tool_run(commands_all, &streams, argc, argv);
	/* Some file systems report a full disk only now. It may have been closed from the start. */
	if (status == STATUS_OK && close(STDOUT_FILENO) && errno != EBADF) {
		output_message(&streams, "cannot write the output: %s", strerror(errno));
		status = STATUS_FAILED;
	}
	return status;
}
