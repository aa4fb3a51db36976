#include "daemon/programs.h"

#include <string.h>

#include "daemon/control.h"
#include "daemon/interface.h"
#include "daemon/net.h"
#include "daemon/node.h"

int programs_run(int count, char *const *arguments, net_find *find) {
	const char *first = count > 1 ? arguments[1] : "";
	if (strcmp(first, NET_ARGUMENT) == 0)
		return net_main(count, arguments, find);
	if (strcmp(first, CONTROL_ARGUMENT) == 0)
		return control_main(count, arguments);
	const char *path = count > 0 ? arguments[0] : "umbrad";
	const char *slash = strrchr(path, '/');
	const char *program = slash ? slash + 1 : path;
	return strcmp(program, "umbra-wg") == 0 ? interface_run(count, arguments)
											: node_run(count, arguments);
}
