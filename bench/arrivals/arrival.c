#include "bench/arrivals/arrival.h"

#include <string.h>

#include "bench/arrivals/mighty.h"

static const struct arrival_ops *const protocols[] = {&arrival_mighty};

const struct arrival_ops *arrival_find(const char *name) {
	for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
		if (strcmp(protocols[i]->name, name) == 0)
			return protocols[i];
	return NULL;
}
