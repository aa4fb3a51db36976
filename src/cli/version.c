#include "cli/commands.h"
#include "cli/tool.h"

const char version_help[] = "Prints the version of Umbra.\n";

int version_run(const struct streams *streams, int count, char **arguments) {
	int status = tool_expect_no_arguments(streams, "version", count, arguments);
	if (status != STATUS_OK)
		return status;
	return output_text(streams, "umbra " UMBRA_VERSION "\n");
}
