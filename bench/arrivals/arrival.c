#include "bench/arrivals/arrival.h"

#include <string.h>

#include "bench/arrivals/mighty.h"
#include "bench/arrivals/phaze.h"

static const struct arrival_ops *const protocols[] = {&arrival_mighty, &arrival_phaze};

const struct arrival_ops *arrival_find(const char *name) {
	for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
		if (strcmp(protocols[i]->name, name) == 0)
			return protocols[i];
	return NULL;
}
