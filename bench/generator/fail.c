#include "bench/generator/fail.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void fail(const char *what) {
	(void)fprintf(stderr, "clients: %s%s%s\n", what, errno ? ": " : "",
				  errno ? strerror(errno) : "");
	exit(1);
}
