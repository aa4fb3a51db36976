#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/tool.h"

/*
 * Those that were closed are taken, so that no file or socket that is opened later gets their
 * number and what was meant for a person. Reading and writing them fails, but for messages.
 */
static void take_closed(void) {
	static const int modes[] = {O_WRONLY, O_RDONLY, O_WRONLY};
	for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
		if (fcntl(i, F_GETFD) < 0)
			(void)open("/dev/null", modes[i]); /* the lowest that is free, which is i */
}

int main(int argc, char **argv) {
	const struct streams streams = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
	take_closed();
	int status = tool_run(commands_all, &streams, argc, argv);
	/* Some file systems report a full disk only now. */
	if (status == STATUS_OK && close(STDOUT_FILENO)) {
		output_message(&streams, "cannot write the output: %s", strerror(errno));
		status = STATUS_FAILED;
	}
	return status;
}
